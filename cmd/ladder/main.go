// Command ladder measures what each layer between two applications costs.
//
// A request goes from an application to a node, to another node, to another application, and
// its reply the same way back: four processes of this host, three connections. The first rung
// is a plain chain, four programs that read and write; each further rung adds one layer of
// Iris to the one before:
//
//	plain        reads and writes, between the nodes over TCP
//	frames       every hop carries frames, which nodes take in and write anew
//	queue        nodes hand frames to another goroutine, which writes them
//	TLS          between the nodes: TLS over TCP, or a stream of quic-go
//	multiplexer  between the nodes: a stream of a link of package tcp or quic
//	overlay      nodes ask through package overlay
//	relay        whole nodes; applications read and write the relay protocol
//	binding      applications use package client
//
// The queue is beside the ladder: the rung behind it builds on frames without it, and the layers
// that have queues have their own.
//
//	go run ./cmd/ladder [-transport LIST] [-only REGEXP] [-rounds N] [-for TIME] [-size BYTES] [-o FILE.md]
//
// The rungs take turns, in rounds, each in processes that are started for it, and one request
// is under way at a time. Of each it prints how long a round trip takes (p50 and p99), and the
// context switches and the processor time of all four processes for one. What is to be
// compared are ratios to the plain chain within a round, of which it prints the median. It is
// for Linux.
//
// It is a program beside iris because it puts layers together as no node does, and so imports
// what the program iris must not know; and beside compare because it needs nothing that is not
// of this module.
package main

import (
	"context"
	"flag"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/project-iris/iris/cmd/internal/report"
	"github.com/project-iris/iris/cmd/internal/tool"
)

// options are what the flags say.
type options struct {
	rungs    []rung
	rounds   int
	duration time.Duration
	size     int
	output   string
}

func main() { tool.Main("ladder", start) }

// start runs the program, or one of the processes that it has started.
func start(ctx context.Context, args []string) error {
	if len(args) == 2 && args[0] == partCommand {
		return runPart(ctx, args[1])
	}
	o, err := parse(args)
	if err != nil {
		return err
	}
	text, err := climb(ctx, o)
	if err != nil {
		return err
	}
	fmt.Print(text)
	if o.output == "" {
		return nil
	}
	return report.Replace(o.output, "ladder", text)
}

func parse(args []string) (o options, err error) {
	fs := flag.NewFlagSet("ladder", flag.ContinueOnError)
	over := fs.String("transport", "tcp,quic", "`list` of what is between the nodes: tcp, quic")
	only := fs.String("only", "", "`regexp` of the rungs to measure, besides the plain chain (default all)")
	fs.IntVar(&o.rounds, "rounds", 5, "`number` of rounds")
	fs.DurationVar(&o.duration, "for", 1500*time.Millisecond, "`time` that a rung is measured in a round")
	fs.IntVar(&o.size, "size", 128, "`bytes` of a request, and of its reply")
	fs.StringVar(&o.output, "o", "", "Markdown `file` to put the table into, between its marks, besides standard output")
	if err := fs.Parse(args); err != nil {
		return o, err
	}
	if fs.NArg() > 0 || o.rounds < 1 || o.duration <= 0 || o.size < 1 || o.size > maxBody {
		return o, fmt.Errorf("%w: -size is at most %d", tool.ErrUsage, maxBody)
	}
	expression, err := regexp.Compile(*only)
	if err != nil {
		return o, err
	}
	o.rungs, err = pick(strings.Split(*over, ","), expression)
	return o, err
}

// pick returns the rungs that are asked for. The plain chain is always among them: the
// others are compared with it.
func pick(transports []string, only *regexp.Regexp) ([]rung, error) {
	for _, t := range transports {
		if t != overTCP && t != overQUIC {
			return nil, fmt.Errorf("%w: there is no transport %q", tool.ErrUsage, t)
		}
	}
	var chosen []rung
	for i, r := range ladder() {
		if i == 0 || slices.Contains(transports, r.transport) && only.MatchString(r.name()) {
			chosen = append(chosen, r)
		}
	}
	return chosen, nil
}
