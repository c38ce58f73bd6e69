package main

import (
	"context"
	"flag"
	"time"

	"github.com/project-iris/iris/cmd/internal/forward"
	"github.com/project-iris/iris/node/status"
)

// exposeFlags are the flags of the expose command.
type exposeFlags struct {
	carryFlags
	check time.Duration
	proxy bool
}

func (p *program) exposeCommand() *command {
	var f exposeFlags
	fs := flag.NewFlagSet("expose", flag.ContinueOnError)
	f.register(fs, "`time` to wait for the target")
	fs.DurationVar(&f.check, "check", time.Second, "`time` between two looks whether the target accepts connections")
	fs.BoolVar(&f.proxy, "proxy-protocol", false, "begin each connection to a target with a header of the PROXY protocol, version 2")
	return &command{
		Name:       "expose",
		ShortUsage: "iris expose [flags] NAME TARGET [NAME TARGET ...]",
		ShortHelp:  "make a server of TCP or of a Unix socket a member of a cluster",
		LongHelp: `
Whoever connects to the name, with iris forward or as an application, is connected to the
target: HOST:PORT, a PORT of 127.0.0.1, or unix:PATH of a Unix socket. The end of a
direction is passed on, and so is a reset.

While the target accepts no connection, this program is not in the cluster, so that other
members get them. It looks every -check, by connecting, and whenever a connection to the target has
failed. When it is stopped, it leaves the cluster and waits for its connections, for -drain at
most.

With -proxy-protocol the target is told the address of the client of iris forward. That one
is believed.`,
		FlagSet: fs,
		Argument: func(i int) argument {
			if i%2 == 0 {
				return argument{kinds: []string{status.Cluster}}
			}
			return argument{} // a target
		},
		Exec: func(ctx context.Context, args []string) error { return p.expose(ctx, &f, args) },
	}
}

func (p *program) expose(ctx context.Context, f *exposeFlags, args []string) error {
	config, err := f.config(p)
	if err != nil {
		return err
	}
	if f.check <= 0 {
		return usagef("-check has to be longer than nothing")
	}
	config.Check, config.ProxyProtocol = f.check, f.proxy
	named, err := pairs("iris expose", "a NAME", "a TARGET", args)
	if err != nil {
		return err
	}
	var carriers []carrier
	for _, pair := range named {
		target, err := address(pair[1])
		if err != nil {
			return err
		}
		e := forward.NewExposer(pair[0], target, config)
		run := func(ctx context.Context) error { return f.explain(e.Run(ctx)) }
		carriers = append(carriers, carrier{run, e.Drain, e.Stats})
	}
	return p.carry(ctx, f.drain, config.Logger, carriers)
}
