package main

import (
	"context"
	"flag"
	"fmt"
	"io"

	"github.com/project-iris/iris/cmd/internal/forward"
	"github.com/project-iris/iris/node/status"
	"github.com/project-iris/iris/relay/client"
)

func (p *program) forwardCommand() *command {
	var f carryFlags
	var stdio bool
	fs := flag.NewFlagSet("forward", flag.ContinueOnError)
	f.register(fs, "`time` to wait for a member that takes a connection")
	fs.BoolVar(&stdio, "stdio", false, "carry standard input and output to a NAME instead of listening")
	return &command{
		Name:       "forward",
		ShortUsage: "iris forward [flags] LISTEN NAME [LISTEN NAME ...]\n  iris forward -stdio [flags] NAME",
		ShortHelp:  "listen, and carry each connection to a member of a cluster",
		LongHelp: `
Listens at HOST:PORT, at a PORT of 127.0.0.1, or at unix:PATH, and carries each connection
to a member of the cluster: to what iris expose has put there, or to an application that
listens by the name. Members that refuse are not the end: others are asked, until -timeout.

Whoever can connect reaches the service: 127.0.0.1 is open to all users of this host, the
directory of a Unix socket as the system says, and :PORT to all networks of this host.

With -stdio it carries standard input and output, as ssh wants it of a ProxyCommand:
ssh -o ProxyCommand='iris forward -stdio shell' user@shell`,
		FlagSet: fs,
		Argument: func(i int) argument {
			if i%2 == 1 || stdio {
				return argument{kinds: []string{status.Cluster}}
			}
			return argument{} // where to listen
		},
		Exec: func(ctx context.Context, args []string) error {
			config, err := f.config(p)
			switch {
			case err != nil:
				return err
			case !stdio:
				return p.forward(ctx, &f, config, args)
			case len(args) != 1:
				return usagef("iris forward -stdio wants one NAME, got %d arguments", len(args))
			}
			return p.forwardStdio(ctx, &f, config, args[0])
		},
	}
}

func (p *program) forward(ctx context.Context, f *carryFlags, config forward.Config, args []string) (err error) {
	listened, err := pairs("iris forward", "where to LISTEN", "a NAME", args)
	if err != nil {
		return err
	}
	addresses := make([]forward.Address, len(listened))
	for i, pair := range listened {
		if addresses[i], err = address(pair[0]); err != nil {
			return err
		}
	}
	conn, err := client.Connect(ctx, config.ForConnections())
	if err != nil {
		return f.explain(err)
	}
	defer closing(conn, &err)
	var carriers []carrier
	for i, pair := range listened {
		l, err := forward.Listen(addresses[i], pair[1], config)
		if err != nil {
			return err
		}
		defer l.Close()
		config.Logger.Info("listening", "listen", l.Addr().String(), "cluster", pair[1])
		run := func(ctx context.Context) error { return l.Run(ctx, conn) }
		carriers = append(carriers, carrier{run, l.Drain, l.Stats})
	}
	return p.carry(ctx, f.drain, config.Logger, carriers)
}

func (p *program) forwardStdio(ctx context.Context, f *carryFlags, config forward.Config, name string) (err error) {
	ctx, stop := p.interruptible(ctx)
	defer stop()
	conn, err := client.Connect(ctx, config.ForConnections())
	if err != nil {
		return f.explain(err)
	}
	defer closing(conn, &err)
	in, typed := io.Pipe()
	go func() { // ends with the process if nothing ends its input
		_, err := io.CopyBuffer(onlyWriter{typed}, p.in, make([]byte, copySize))
		_ = typed.CloseWithError(err)
	}()
	end := forward.Stdio{In: in, Out: closable(p.out)}
	if isTerminal(p.in) {
		end.Ended = func() { _ = typed.Close() } // nobody should have to end the input by hand
	}
	if err := forward.Forward(ctx, conn, name, end, config); err != nil {
		return fmt.Errorf("connection to %q: %w", name, err)
	}
	return nil
}

// closable returns a writer with a Close, which does nothing if the writer has none.
func closable(w io.Writer) io.WriteCloser {
	if c, ok := w.(io.WriteCloser); ok {
		return c
	}
	return unclosed{w}
}

type unclosed struct{ io.Writer }

func (unclosed) Close() error { return nil }
