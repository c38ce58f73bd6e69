package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/project-iris/iris/cmd/internal/network"
)

// benchNetworkFlags are the flags of the command bench network.
type benchNetworkFlags struct {
	network  network.Config
	deadline time.Duration
	json     bool
}

func (f *benchNetworkFlags) register(fs *flag.FlagSet) {
	c := &f.network
	fs.IntVar(&c.Nodes, "nodes", 3, fmt.Sprintf("`number` of nodes, %d to %d", network.MinNodes, network.MaxNodes))
	fs.IntVar(&c.Seeds, "seeds", 2, "`number` of nodes, the first ones, that the others are told to join")
	fs.StringVar(&c.Transport, "transport", "quic", "`list` of transports between nodes: quic, tcp")
	fs.DurationVar(&c.Spread, "within", 3*time.Second, "`time` in which the nodes are started; a busy machine takes longer")
	fs.DurationVar(&c.Settle, "settle", 10*time.Second, "`time` between the moment when all know all and -idle")
	fs.DurationVar(&c.Idle, "idle", 20*time.Second, "`time` that the nodes are left alone and measured; 0 leaves that out")
	fs.IntVar(&c.Pairs, "pairs", 20, "`number` of times that two nodes are drawn for requests from one to the other; 0 leaves that out")
	fs.IntVar(&c.Requests, "requests", 100, "`number` of requests of a pair, one at a time, after the first")
	fs.BoolVar(&c.Losses, "losses", true, "measure how nodes are missed that die or fall silent")
	fs.DurationVar(&f.deadline, "deadline", 10*time.Minute, "`time` that all of it may take")
	fs.BoolVar(&f.json, "json", false, "print the result as JSON")
}

func (p *program) benchNetworkCommand() *command {
	var f benchNetworkFlags
	fs := flag.NewFlagSet("network", flag.ContinueOnError)
	f.register(fs)
	return &command{
		Name:       "network",
		ShortUsage: "iris bench network [flags]",
		ShortHelp:  "run a network of nodes on this host, and measure it at rest and when nodes are lost",
		LongHelp: `
Starts nodes with a key of their own, each a process that listens on loopback alone, and
measures, one after the other: when all know all; what a node takes while nothing is asked
of it; what requests from a node to another take, the first of which may need a link; and
how nodes are missed, at rest and with a request in hand, that are killed (SIGKILL) or fall
silent (SIGSTOP). A node that was lost is replaced before the next one is.

What a node takes is measured on Linux only. Memory is RSS, and PSS, where what several
nodes map, such as the program, is parted between them. Packets and bytes are what the host
has sent meanwhile, whoever did, for each node; on Linux, this shows the nodes' alone:

  unshare -rn sh -c 'ip link set lo up && iris bench network'

All nodes are ended when the command is, whatever ends it; on systems other than Linux not
if it is killed. The exit code is 1 if something went wrong, which the error tells with the
end of the node's log. What was measured until then is printed.`,
		FlagSet: fs,
		Exec: func(ctx context.Context, args []string) error {
			if len(args) > 0 {
				return usagef("iris bench network wants no arguments, got %d", len(args))
			}
			if err := f.check(); err != nil {
				return err
			}
			ctx, stop := p.interruptible(ctx)
			defer stop()
			return p.benchNetwork(ctx, &f)
		},
	}
}

// check says what is wrong with the flags, but for what package network checks.
func (f *benchNetworkFlags) check() error {
	if f.deadline <= 0 {
		return usagef("-deadline has to be positive")
	}
	for name := range strings.SplitSeq(f.network.Transport, ",") {
		if known[strings.TrimSpace(name)] == nil {
			return usagef("-transport: there is no %q; there are quic and tcp", name)
		}
	}
	return nil
}

// benchNetwork runs a network and prints what it has found.
func (p *program) benchNetwork(ctx context.Context, f *benchNetworkFlags) error {
	var err error
	if f.network.Program, err = os.Executable(); err != nil {
		return fmt.Errorf("the file of this program is not known, which the nodes run: %w", err)
	}
	f.network.Env = slices.DeleteFunc(os.Environ(), func(pair string) bool { return strings.HasPrefix(pair, envPrefix) })
	f.network.Progress = func(phase string) { fmt.Fprintf(p.err, "%s\n", phase) }
	late := fmt.Errorf("the -deadline of %v is over", f.deadline)
	ctx, cancel := context.WithTimeoutCause(ctx, f.deadline, late)
	defer cancel()
	result, err := network.Run(ctx, f.network)
	if errors.Is(err, network.ErrConfig) {
		return usagef("%v", err)
	}
	if result.Nodes > 0 { // it was started
		err = errors.Join(err, p.printNetwork(&result, f.json))
	}
	if err != nil {
		return fmt.Errorf("bench network: %w", err)
	}
	return nil
}

func (p *program) printNetwork(r *network.Result, asJSON bool) error {
	if asJSON {
		return json.NewEncoder(p.out).Encode(r)
	}
	_, err := fmt.Fprint(p.out, networkTable(r))
	return err
}
