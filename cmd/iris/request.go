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

// requestFlags are the flags of the request command.
type requestFlags struct {
	app      appFlags
	timeout  time.Duration
	now, raw bool
}

func (p *program) requestCommand() *command {
	var flags requestFlags
	fs := flag.NewFlagSet("request", flag.ContinueOnError)
	flags.app.register(fs)
	fs.DurationVar(&flags.timeout, "timeout", 5*time.Second, "`time` to wait for the answer, and for a member if there is none")
	fs.BoolVar(&flags.now, "now", false, "fail at once if nobody serves the cluster, instead of waiting for a member")
	fs.BoolVar(&flags.raw, "raw", false, "print the reply without a line end behind it; a terminal is shown control characters as escapes even so")
	return &command{
		Name:       "request",
		ShortUsage: "iris request [flags] CLUSTER [BODY]",
		ShortHelp:  "ask one member of a cluster and print its reply",
		LongHelp: `
Asks one member of the cluster and prints its reply. Without BODY, the body is read
from standard input. The exit code is 1 if there is no reply: the member answered with
a fault, or nobody did in time. With -now it does not wait for a member where the node knows
that there is none: iris request -now echo hello

A BODY that begins with a dash stands behind --.`,
		FlagSet:  fs,
		Argument: firstName(status.Cluster),
		Exec: func(ctx context.Context, args []string) error {
			if len(args) < 1 || len(args) > 2 {
				return usagef("iris request wants CLUSTER and at most one BODY, got %d arguments", len(args))
			}
			body, err := p.argument(args, 1)
			if err != nil {
				return err
			}
			ctx, stop := p.interruptible(ctx)
			defer stop()
			return p.request(ctx, &flags, args[0], body)
		},
	}
}

// argument returns an argument, or all of standard input if it is not there.
func (p *program) argument(args []string, i int) ([]byte, error) {
	if i < len(args) {
		return []byte(args[i]), nil
	}
	b, err := io.ReadAll(p.in)
	if err != nil {
		return nil, fmt.Errorf("reading standard input: %w", err)
	}
	return b, nil
}

func (p *program) request(ctx context.Context, f *requestFlags, cluster string, body []byte) (err error) {
	config := f.app.config()
	config.FailFast = f.now
	conn, err := f.app.connect(ctx, config)
	if err != nil {
		return err
	}
	defer closing(conn, &err)
	ctx, cancel := context.WithTimeout(ctx, f.timeout)
	defer cancel()
	reply, err := conn.Request(ctx, cluster, body)
	fault := (*client.FaultError)(nil)
	switch {
	case errors.As(err, &fault):
		return fmt.Errorf("cluster %q answered with a fault: %s", cluster, fault.Text)
	case errors.Is(err, client.ErrNobody):
		return fmt.Errorf("nobody serves cluster %q: start a member, or wait for one without -now", cluster)
	case errors.Is(err, client.ErrTimeout):
		return fmt.Errorf("no answer from cluster %q in %v: is a member attached? allow more with -timeout", cluster, f.timeout)
	case err != nil:
		return fmt.Errorf("request to cluster %q: %w", cluster, err)
	}
	if !f.raw {
		reply = append(reply, '\n')
	}
	_, err = p.out.Write(reply)
	return err
}
