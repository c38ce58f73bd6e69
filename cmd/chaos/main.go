//go:build linux

// Command chaos runs nodes and applications while things go wrong, and holds what the
// applications see against what Iris promises.
//
//	chaos -iris FILE[,FILE] [-for TIME] [-seed N] [-logs DIR] [-clocks] [-two-connections]
//
// It is for Linux, and has to be run in namespaces of its own, as make chaos does: it
// makes a switch and five hosts, each a network namespace, changes addresses and filters, and
// mounts small disks. Each host has a node, the program of -iris, with an application
// (package witness). With two programs, such as two releases, each start takes the other one.
//
// It goes round by round. In each, one to three faults happen, on different hosts, for ten seconds
// at most; then all is mended. What promises hold without condition is checked throughout. From
// five seconds after all was mended, nothing may fail any more for ten seconds.
//
// A seed repeats which faults happen, to which host, when and for how long. What processes, the
// kernel and the applications make of it is not repeated.
//
// With -clocks the programs are such whose wall clock can be set (command clock). The hosts' clocks differ then by
// up to 50 minutes throughout, and that a clock is set is one of the faults.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/project-iris/iris/cmd/internal/tool"
)

// options are what the flags say.
type options struct {
	programs []string
	duration time.Duration
	seed     uint64
	logs     string
	clocks   bool // the programs have clocks that can be set
	two      bool // applications have a connection of their own for messages
}

// errBroken says that a promise was broken.
var errBroken = errors.New("a promise was broken")

func main() { tool.Main("chaos", start) }

func start(ctx context.Context, args []string) error {
	o, err := parse(args)
	if err != nil {
		return err
	}
	c, err := prepare(ctx, o)
	if err != nil {
		return err
	}
	defer c.close()
	err = c.run(ctx, o)
	fmt.Print(c.report(o))
	if err == nil && c.broken() {
		err = fmt.Errorf("%w; the schedule of seed %d repeats with -seed %d, the logs of the nodes are in %s", errBroken, o.seed, o.seed, o.logs)
	}
	return err
}

func parse(args []string) (o options, err error) {
	fs := flag.NewFlagSet("chaos", flag.ContinueOnError)
	programs := fs.String("iris", "", "`files` of the program iris, one or more, separated by commas")
	fs.DurationVar(&o.duration, "for", 10*time.Minute, "`time` after which no further round begins")
	fs.Uint64Var(&o.seed, "seed", 1, "`number` that the schedule is made of")
	fs.StringVar(&o.logs, "logs", "", "`directory` for the logs of the nodes (default one for temporary files)")
	fs.BoolVar(&o.clocks, "clocks", false, "set clocks: the programs are built with those of command clock")
	fs.BoolVar(&o.two, "two-connections", false, "have applications send events and broadcasts over a connection of their own: for programs of before requests went past them")
	if err := fs.Parse(args); err != nil {
		return o, err
	}
	if fs.NArg() > 0 || *programs == "" || o.duration <= 0 {
		return o, fmt.Errorf("%w: -iris names the program", tool.ErrUsage)
	}
	for file := range strings.SplitSeq(*programs, ",") {
		file, err := filepath.Abs(file)
		if err != nil {
			return o, err
		}
		o.programs = append(o.programs, file)
	}
	if o.logs == "" {
		o.logs, err = os.MkdirTemp("", "iris-chaos-")
		return o, err
	}
	return o, os.MkdirAll(o.logs, 0o700)
}
