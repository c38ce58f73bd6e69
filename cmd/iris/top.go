package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"time"

	"github.com/project-iris/iris/node/status"
)

// topFlags are the flags of top.
type topFlags struct {
	ask        askFlags
	local, raw bool
	every      time.Duration
	count      int
}

// mostForTop is how many elements of each kind of list top asks for, of all nodes together.
const mostForTop = 10_000

func (p *program) topCommand() *command {
	var f topFlags
	fs := flag.NewFlagSet("top", flag.ContinueOnError)
	f.ask.register(fs)
	fs.BoolVar(&f.raw, "json", false, "print each sample as it is, in JSON, a line for each")
	fs.BoolVar(&f.local, "local", false, "ask the node of this host alone")
	fs.DurationVar(&f.every, "every", time.Second, "`time` from one sample to the next, 100ms at least")
	fs.IntVar(&f.count, "count", 0, "`number` of samples, after which it ends; 0 means one where tables are printed, and else no end")
	return &command{
		Name: "top", ShortUsage: "iris top [flags]", ShortHelp: "show names, applications and links live, sorted", FlagSet: fs,
		LongHelp: `
Shows the names, the applications and the links of all nodes on the terminal, live, with
what each does a second. Columns are those of iris names, apps and links.

  tab, shift-tab   another view: names, applications, links
  ← →, < >         sort by another column
  r                turn the order around
  ↑ ↓, page, home  scroll
  p, space         pause, and go on
  q                end

Where the output or the input is no terminal, and on Windows, it prints the three tables,
and ends after a sample unless -count says how many. With -json it prints each sample in a
line.

  iris top
  iris top -json -count 60 > minute.jsonl`,
		Exec: func(ctx context.Context, args []string) error {
			switch {
			case len(args) > 0:
				return usagef("iris top wants no arguments, got %d", len(args))
			case f.every < 100*time.Millisecond || f.count < 0:
				return usagef("-every has to be 100ms at least, and -count not negative")
			}
			ctx, stop := p.interruptible(ctx)
			defer stop()
			return p.top(ctx, &f)
		},
	}
}

// top shows samples in the way that fits the output.
func (p *program) top(ctx context.Context, f *topFlags) error {
	if f.raw {
		encoder := json.NewEncoder(p.out)
		return f.sample(ctx, f.count, func(all *status.Network) error { return encoder.Encode(all) })
	}
	if s := screenOf(p.in, p.screen); s != nil {
		return s.top(ctx, f)
	}
	m := newTopModel()
	first := true
	return f.sample(ctx, max(f.count, 1), func(all *status.Network) error {
		m.take(all, time.Now())
		if !first {
			fmt.Fprintln(p.out)
		}
		first = false
		return p.printTop(m)
	})
}

// sample takes so many samples, or with zero as many as there are until the context ends, which is
// no error.
func (f *topFlags) sample(ctx context.Context, count int, take func(*status.Network) error) error {
	next := time.NewTicker(f.every)
	defer next.Stop()
	for taken := 1; ; taken++ {
		all, err := f.read(ctx)
		switch {
		case ctx.Err() != nil:
			return nil
		case err != nil:
			return err
		}
		if err := take(all); err != nil || taken == count {
			return err
		}
		select {
		case <-next.C:
		case <-ctx.Done():
			return nil
		}
	}
}

// read asks for a sample.
func (f *topFlags) read(ctx context.Context) (*status.Network, error) {
	if f.local {
		return askAll(ctx, &f.ask, true)
	}
	var all status.Network
	if err := f.ask.read(ctx, fmt.Sprintf("/v1/network?most=%d", mostForTop), &all); err != nil {
		return nil, err
	}
	if len(all.Nodes) == 0 {
		return nil, fmt.Errorf("the answer of the node has no node: is it a node of this version?")
	}
	return &all, nil
}

// printTop prints the views of a sample one below the other.
func (p *program) printTop(m *topModel) error {
	fmt.Fprintf(p.out, "%s\n%s\n", m.summary(), m.health())
	for i := range m.views {
		m.view = i
		fmt.Fprintln(p.out)
		for _, line := range m.table(plainWidth, 0) {
			fmt.Fprintln(p.out, line)
		}
	}
	return nil
}
