package main

import (
	"bufio"
	"context"
	"flag"
	"fmt"

	"github.com/project-iris/iris/node/status"
	"github.com/project-iris/iris/relay/client"
)

func (p *program) broadcastCommand() *command {
	return p.sendCommand(&command{
		Name:       "broadcast",
		ShortUsage: "iris broadcast [flags] CLUSTER [MESSAGE]",
		ShortHelp:  "send a message to every member of a cluster",
		LongHelp: `
Sends the message to every member of the cluster. Without MESSAGE, each line of
standard input is one. There is no answer: the exit code is 0 as soon as the node has
taken all of them.`,
		Argument: firstName(status.Cluster),
	}, (*client.Conn).Broadcast)
}

func (p *program) publishCommand() *command {
	return p.sendCommand(&command{
		Name:       "publish",
		ShortUsage: "iris publish [flags] TOPIC [EVENT]",
		ShortHelp:  "send an event to every subscriber of a topic",
		LongHelp: `
Sends the event to every subscriber of the topic. Without EVENT, each line of standard
input is one. There is no answer: the exit code is 0 as soon as the node has taken all
of them.`,
		Argument: firstName(status.Topic),
	}, (*client.Conn).Publish)
}

// sender is what broadcast and publish have in common.
type sender func(conn *client.Conn, ctx context.Context, name string, message []byte) error

func (p *program) sendCommand(c *command, send sender) *command {
	var app appFlags
	c.FlagSet = flag.NewFlagSet(c.Name, flag.ContinueOnError)
	app.register(c.FlagSet)
	c.Exec = func(ctx context.Context, args []string) error {
		if len(args) < 1 || len(args) > 2 {
			return usagef("iris %s wants a name and at most one message, got %d arguments", c.Name, len(args))
		}
		ctx, stop := p.interruptible(ctx)
		defer stop()
		return p.send(ctx, &app, send, args)
	}
	return c
}

func (p *program) send(ctx context.Context, app *appFlags, send sender, args []string) (err error) {
	conn, err := app.connect(ctx, app.config())
	if err != nil {
		return err
	}
	defer closing(conn, &err)
	if len(args) == 2 {
		return send(conn, ctx, args[0], []byte(args[1]))
	}
	lines := bufio.NewScanner(p.in)
	lines.Buffer(nil, 64<<20)
	for lines.Scan() {
		if err := send(conn, ctx, args[0], lines.Bytes()); err != nil {
			return err
		}
	}
	if err := lines.Err(); err != nil {
		return fmt.Errorf("reading standard input: %w", err)
	}
	return nil
}
