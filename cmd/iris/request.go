package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"time"

	"github.com/project-iris/iris/relay/client"
)

func (p *program) requestCommand() *command {
	var app appFlags
	var timeout time.Duration
	var raw bool
	fs := flag.NewFlagSet("request", flag.ContinueOnError)
	app.register(fs)
	fs.DurationVar(&timeout, "timeout", 5*time.Second, "`time` to wait for the answer, and for a member if there is none")
	fs.BoolVar(&raw, "raw", false, "print the reply as it is, without a line end behind it")
	return &command{
		Name:       "request",
		ShortUsage: "iris request [flags] CLUSTER [BODY]",
		ShortHelp:  "ask one member of a cluster and print its reply",
		LongHelp: `
Asks one member of the cluster and prints its reply. Without BODY, the body is read
from standard input. The exit code is 1 if there is no reply: the member answered with
a fault, or nobody did in time. A BODY that begins with a dash stands behind --.`,
		FlagSet: fs,
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
			return p.request(ctx, &app, args[0], body, timeout, raw)
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

func (p *program) request(ctx context.Context, app *appFlags, cluster string, body []byte, timeout time.Duration, raw bool) (err error) {
	conn, err := app.connect(ctx)
	if err != nil {
		return err
	}
	defer closing(conn, &err)
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	reply, err := conn.Request(ctx, cluster, body)
	fault := (*client.FaultError)(nil)
	switch {
	case errors.As(err, &fault):
		return fmt.Errorf("cluster %q answered with a fault: %s", cluster, fault.Text)
	case errors.Is(err, client.ErrTimeout):
		return fmt.Errorf("no answer from cluster %q in %v: is a member attached? allow more with -timeout", cluster, timeout)
	case err != nil:
		return fmt.Errorf("request to cluster %q: %w", cluster, err)
	}
	if !raw {
		reply = append(reply, '\n')
	}
	_, err = p.out.Write(reply)
	return err
}
