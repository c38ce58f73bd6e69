package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"time"

	"github.com/project-iris/iris/node/status"
	"github.com/project-iris/iris/relay/client"
)

// tunnelFlags are the flags of the tunnel command.
type tunnelFlags struct {
	app     appFlags
	listen  bool
	receive bool
	timeout time.Duration
}

func (p *program) tunnelCommand() *command {
	var f tunnelFlags
	fs := flag.NewFlagSet("tunnel", flag.ContinueOnError)
	f.app.register(fs)
	fs.BoolVar(&f.listen, "listen", false, "join the cluster and take one tunnel, instead of opening one")
	fs.BoolVar(&f.receive, "receive", false, "do not read standard input; the other side closes the tunnel")
	fs.DurationVar(&f.timeout, "timeout", 5*time.Second, "`time` to wait for the tunnel when opening one")
	return &command{
		Name:       "tunnel",
		ShortUsage: "iris tunnel [flags] CLUSTER < FILE\n  iris tunnel -listen [flags] CLUSTER > FILE",
		ShortHelp:  "connect standard input and output to a member of a cluster",
		LongHelp: `
Opens a tunnel to a member of the cluster, or with -listen waits for one as a member:
standard input goes to the other side, and what comes from there to standard output.
A tunnel closes both ways at once: when standard input ends, what was read has arrived
on the other side before it is closed. With -listen, a standard input that ends without
a byte, as in a script, does not close it. Progress is shown if standard error is a
terminal.`,
		FlagSet:  fs,
		Argument: firstName(status.Cluster),
		Exec: func(ctx context.Context, args []string) error {
			if len(args) != 1 {
				return usagef("iris tunnel wants the name of one CLUSTER, got %d arguments", len(args))
			}
			ctx, stop := p.interruptible(ctx)
			defer stop()
			if f.listen {
				return p.tunnelListen(ctx, &f, args[0])
			}
			return p.tunnelDial(ctx, &f, args[0])
		},
	}
}

func (p *program) tunnelDial(ctx context.Context, f *tunnelFlags, cluster string) (err error) {
	conn, err := f.app.connect(ctx, f.app.config())
	if err != nil {
		return err
	}
	defer closing(conn, &err)
	dial, cancel := context.WithTimeout(ctx, f.timeout)
	defer cancel()
	t, err := conn.Tunnel(dial, cluster)
	if errors.Is(err, client.ErrTimeout) {
		return fmt.Errorf("no tunnel to cluster %q in %v: is a member attached that takes tunnels?", cluster, f.timeout)
	}
	if err != nil {
		return fmt.Errorf("tunnel to cluster %q: %w", cluster, err)
	}
	return p.copy(ctx, f, t)
}

func (p *program) tunnelListen(ctx context.Context, f *tunnelFlags, cluster string) (err error) {
	taken := make(chan struct{}, 1)
	result := make(chan error, 1)
	conn, err := f.app.serve(ctx, cluster, client.Service{
		Tunnel: func(t *client.Tunnel) {
			select {
			case taken <- struct{}{}:
				result <- p.copy(ctx, f, t)
			default: // one is all that there is input and output for
			}
		},
	})
	if err != nil {
		return err
	}
	defer closing(conn, &err)
	fmt.Fprintf(p.err, "iris: waiting for a tunnel to cluster %q\n", cluster)
	select {
	case err := <-result:
		return err
	case <-ctx.Done():
		return nil
	case <-conn.Done():
		return fmt.Errorf("the node is gone: %w", conn.Err())
	}
}

// copySize is how much is copied at once, in bytes: a chunk of a tunnel.
const copySize = 64 << 10

// onlyWriter hides what else a writer can do, so that it gets pieces of copySize.
type onlyWriter struct{ io.Writer }

// copy connects the tunnel to standard input and output until it is closed.
func (p *program) copy(ctx context.Context, f *tunnelFlags, t *client.Tunnel) error {
	shown := p.startProgress()
	defer shown.stop()
	sent := make(chan error, 1)
	if !f.receive {
		go func() { // ends with the process if nothing ends its input
			n, err := io.CopyBuffer(onlyWriter{t}, countingReader{p.in, &shown.sent}, make([]byte, copySize))
			if err == nil && n == 0 && f.listen {
				return
			}
			sent <- err
		}()
	}
	received := make(chan error, 1)
	go func() {
		_, err := io.CopyBuffer(onlyWriter{p.out}, countingReader{t, &shown.received}, make([]byte, copySize))
		received <- err
	}()
	var err error
	select {
	case err = <-received:
		return tunnelEnd(err, t.Close())
	case <-ctx.Done():
		return tunnelEnd(errors.New("interrupted"), t.Close())
	case err = <-sent:
	}
	closed := t.Close()
	ended := <-received // whose output must not go on behind our back
	if errors.Is(err, client.ErrClosed) || errors.Is(err, io.EOF) {
		err = ended // the other side closed first: how it did counts
	}
	return tunnelEnd(err, closed)
}

// tunnelEnd says how a tunnel ended: by what the copying met, or else the close.
func tunnelEnd(err, closed error) error {
	if err == nil {
		err = closed
	}
	if err != nil {
		return fmt.Errorf("tunnel ended early: %w", err)
	}
	return nil
}
