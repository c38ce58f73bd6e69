package network

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/project-iris/iris/cmd/internal/process"
	"github.com/project-iris/iris/transport/identity"
)

// run is a network that runs. It belongs to one goroutine.
type run struct {
	config Config
	group  *process.Group
	key    string // path of the file
	tally  *tally
	nodes  []*oneNode
	lost   bool // the last one is, on purpose
	result Result
}

// Run starts a network, measures it, and ends it: no process is left when it returns. When it
// fails, or the context ends, the result has what was measured until then. An error tells
// which node it is about, and has the end of its log.
func Run(ctx context.Context, config Config) (Result, error) {
	if err := config.check(); err != nil {
		return Result{}, err
	}
	dir, err := os.MkdirTemp("", "iris-network-")
	if err != nil {
		return Result{}, err
	}
	defer os.RemoveAll(dir)
	r := &run{
		config: config, group: process.NewGroup(), key: filepath.Join(dir, "network.pem"), tally: newTally(),
		result: Result{Nodes: config.Nodes, Seeds: config.Seeds, Transport: config.Transport},
	}
	defer r.group.Close()
	if _, err := identity.Create(r.key); err != nil {
		return Result{}, err
	}
	err = r.measure(ctx)
	log := r.tally.take()
	if len(r.result.Losses) > 0 {
		r.result.LossesLog = &log
	} else {
		r.result.Log = log
	}
	return r.result, err
}

// measure goes through the phases.
func (r *run) measure(ctx context.Context) error {
	for _, phase := range []struct {
		name    string
		measure func(context.Context) error
		wanted  bool
	}{
		{"starting the nodes", r.start, true},
		{"waiting until all know all", r.meet, true},
		{"leaving them alone", r.rest, r.config.Idle > 0},
		{"sending requests", r.ask, r.config.Pairs > 0},
		{"losing nodes", r.lose, r.config.Losses},
	} {
		if !phase.wanted {
			continue
		}
		if r.config.Progress != nil {
			r.config.Progress(phase.name)
		}
		if err := phase.measure(ctx); err != nil {
			return fmt.Errorf("%s: %w", phase.name, err)
		}
	}
	return nil
}

// start starts the nodes: those that are joined one after the other, as their addresses have
// to be known, and the others at equal distances.
func (r *run) start(ctx context.Context) error {
	var join []string
	return process.Stagger(ctx, r.config.Nodes, r.config.Spread, func(i int) error {
		n, err := r.startNode(i, join)
		if err != nil {
			return err
		}
		r.nodes = append(r.nodes, n)
		if i >= r.config.Seeds {
			return nil
		}
		if err := n.awaitReady(ctx); err != nil {
			return err
		}
		join = append(join, n.peers()...)
		return nil
	})
}

// meet measures how long it takes until all know all.
func (r *run) meet(ctx context.Context) error {
	if err := r.awaitMet(ctx); err != nil {
		r.result.Known = r.known(ctx)
		return err
	}
	first, last := r.nodes[0].started, r.nodes[len(r.nodes)-1].started
	r.result.Met = &Met{
		Starts: last.Sub(first).Seconds(), AfterFirst: time.Since(first).Seconds(), AfterLast: time.Since(last).Seconds(),
	}
	return nil
}

// knownTimeout bounds how long it takes to ask all nodes when time is out.
const knownTimeout = 5 * time.Second

// known returns how many others each node knows that serves and answers, though the context
// may have ended.
func (r *run) known(ctx context.Context) *Spread {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), knownTimeout)
	defer cancel()
	var counts []float64
	for _, n := range r.nodes {
		if !n.isReady() {
			continue
		}
		if others, err := n.others(ctx); err == nil {
			counts = append(counts, float64(others))
		}
	}
	spread := process.NewSpread(counts)
	return &spread
}

// awaitMet returns when each node knows all others. Those that were started last are asked
// first: they are the last to know all, and the others need to be asked once only.
func (r *run) awaitMet(ctx context.Context) error {
	nodes := slices.Clone(r.nodes)
	slices.Reverse(nodes)
	for _, n := range nodes {
		if err := n.awaitReady(ctx); err != nil {
			return err
		}
	}
	return process.AwaitEach(ctx, nodes, func(n *oneNode) (bool, string, error) {
		others, err := n.others(ctx)
		return others == len(nodes)-1, fmt.Sprintf("that it knows %d of %d others", others, len(nodes)-1), err
	})
}

// rest measures what the nodes take while nothing is asked of them, not even how they are.
func (r *run) rest(ctx context.Context) error {
	process.Sleep(ctx, r.config.Settle)
	var processes []*process.Process
	for _, n := range r.nodes {
		processes = append(processes, n.Process)
	}
	rest, err := process.Measure(ctx, processes, r.config.Idle)
	if err != nil && !errors.Is(err, errors.ErrUnsupported) {
		return err
	}
	r.result.Rest = rest
	var links []float64
	for _, n := range r.nodes {
		count, err := n.links(ctx)
		if err != nil {
			return err
		}
		links = append(links, float64(count))
	}
	spread := process.NewSpread(links)
	r.result.Links = &spread
	return nil
}
