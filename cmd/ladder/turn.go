package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"github.com/project-iris/iris/cmd/internal/process"
	"github.com/project-iris/iris/transport/identity"
)

// startTimeout bounds the start of a process.
const startTimeout = 10 * time.Second

// sample is what a rung has got in a turn.
type sample struct {
	p50, p99  float64 // microseconds
	switches  float64 // context switches of all processes for a round trip
	processor float64 // microseconds of all processes for a round trip
	nodes     float64 // of which those of the two nodes
}

// climb measures all rungs in rounds, in an order that rotates, and returns the table.
func climb(ctx context.Context, o options) (string, error) {
	dir, err := os.MkdirTemp("", "iris-ladder-")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(dir)
	key := filepath.Join(dir, "network.pem")
	if _, err := identity.Create(key); err != nil {
		return "", err
	}
	began := time.Now()
	samples := make([][]sample, len(o.rungs))
	for round := range o.rounds {
		for i := range o.rungs {
			k := (i + round) % len(o.rungs)
			r := o.rungs[k]
			fmt.Fprintf(os.Stderr, "round %d of %d: %s\n", round+1, o.rounds, r.name())
			s, err := r.turn(ctx, key, o)
			if err != nil {
				return "", fmt.Errorf("%s: %w", r.name(), err)
			}
			samples[k] = append(samples[k], s)
		}
	}
	return table(o, samples, time.Since(began)), nil
}

// chain is the processes of a turn.
type chain struct {
	group                   *process.Group
	echo, last, first, asks *process.Process
}

// turn measures a rung, in processes that it starts.
func (r rung) turn(ctx context.Context, key string, o options) (sample, error) {
	c := chain{group: process.NewGroup()}
	defer c.group.Close()
	if err := c.start(ctx, r, key, o); err != nil {
		return sample{}, err
	}
	if _, err := await(ctx, c.asks, startTimeout, strings.TrimSpace(warmLine)); err != nil {
		return sample{}, err
	}
	before, err := c.read()
	if err != nil {
		return sample{}, err
	}
	result, err := await(ctx, c.asks, o.duration+startTimeout, fmt.Sprintf(strings.TrimSpace(resultLine), "(.*)"))
	if err != nil {
		return sample{}, err
	}
	after, err := c.read()
	if err != nil {
		return sample{}, err
	}
	var t trips
	if err := json.Unmarshal([]byte(result[1]), &t); err != nil {
		return sample{}, err
	}
	return newSample(t, after.since(before)), nil
}

// start starts the processes, so that each finds the one that it needs.
func (c *chain) start(ctx context.Context, r rung, key string, o options) error {
	template := part{Layer: r.layer, Transport: r.transport, Key: key, Size: o.size, Duration: o.duration}
	ready := fmt.Sprintf(strings.TrimSpace(readyLine), `(\S+)`, `(\S+)`)
	var err error
	p := template
	p.Role = lastNode
	var last, first []string
	if c.last, last, err = c.run(ctx, p, ready); err != nil {
		return err
	}
	p.Role, p.Peer = firstNode, last[2]
	if c.first, first, err = c.run(ctx, p, ready); err != nil {
		return err
	}
	p.Role, p.Node = echo, last[1]
	if c.echo, _, err = c.run(ctx, p, strings.TrimSpace(attachedLine)); err != nil {
		return err
	}
	p.Role, p.Node = asker, first[1]
	c.asks, _, err = c.run(ctx, p, "")
	return err
}

// run starts a process, and waits until it says something.
func (c *chain) run(ctx context.Context, p part, says string) (*process.Process, []string, error) {
	description, err := json.Marshal(p)
	if err != nil {
		return nil, nil, err
	}
	program, err := os.Executable()
	if err != nil {
		return nil, nil, err
	}
	started, err := c.group.Start(process.Spec{Name: string(p.Role), Path: program, Args: []string{partCommand, string(description)}})
	if err != nil || says == "" {
		return started, nil, err
	}
	groups, err := await(ctx, started, startTimeout, says)
	return started, groups, err
}

// await waits for a line of a process, and returns the groups of the expression.
func await(ctx context.Context, p *process.Process, patience time.Duration, expression string) ([]string, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, patience, fmt.Errorf("%v are over", patience))
	defer cancel()
	return p.Await(ctx, regexp.MustCompile("^"+expression+"$"))
}

// reading is what the processes have taken since they were started.
type reading struct{ nodes, apps process.Reading }

func (c *chain) read() (r reading, err error) {
	if r.nodes, err = process.Read([]*process.Process{c.first, c.last}); err != nil {
		return r, err
	}
	r.apps, err = process.Read([]*process.Process{c.asks, c.echo})
	return r, err
}

// spent is what they have taken between two readings.
type spent struct{ nodes, apps process.Spent }

func (r reading) since(earlier reading) spent {
	return spent{r.nodes.Since(earlier.nodes), r.apps.Since(earlier.apps)}
}

// newSample parts what was spent between the round trips.
func newSample(t trips, s spent) sample {
	each := func(total float64) float64 { return total / float64(t.Number) }
	return sample{
		p50: micros(t.P50), p99: micros(t.P99),
		switches:  each(float64(s.nodes.Switches + s.apps.Switches)),
		processor: each(micros(s.nodes.Processor + s.apps.Processor)),
		nodes:     each(micros(s.nodes.Processor)),
	}
}

func micros(d time.Duration) float64 { return float64(d) / float64(time.Microsecond) }
