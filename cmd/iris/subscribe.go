package main

import (
	"context"
	"flag"
	"fmt"
	"strings"
	"sync"

	"github.com/project-iris/iris/node/status"
)

func (p *program) subscribeCommand() *command {
	var app resilientFlags
	var count int
	fs := flag.NewFlagSet("subscribe", flag.ContinueOnError)
	app.register(fs)
	fs.IntVar(&count, "count", 0, "`number` of events after which to end; 0 means never")
	return &command{
		Name:       "subscribe",
		ShortUsage: "iris subscribe [flags] TOPIC [TOPIC ...]",
		ShortHelp:  "print the events of topics",
		LongHelp: `
Prints each event of the topics on a line of standard output, until it is stopped or
has printed -count of them. When the connection to the node is lost, it subscribes again as
soon as the node is back; events in between are missed.`,
		FlagSet:  fs,
		Argument: eachName(status.Topic),
		Exec: func(ctx context.Context, args []string) error {
			switch {
			case len(args) == 0:
				return usagef("iris subscribe wants at least one TOPIC")
			case count < 0:
				return usagef("-count has to be positive")
			}
			return p.subscribe(ctx, &app, args, count)
		},
	}
}

func (p *program) subscribe(ctx context.Context, app *resilientFlags, topics []string, count int) (err error) {
	ctx, stop := p.interruptible(ctx)
	defer stop()
	conn, err := app.connect(ctx, p)
	if err != nil {
		return err
	}
	defer closing(conn, &err)

	var printing sync.Mutex
	printed := 0
	print := func(event []byte) {
		printing.Lock()
		defer printing.Unlock()
		if count > 0 && printed == count {
			return
		}
		printed++
		_, _ = p.out.Write(append(event, '\n'))
		if printed == count {
			stop()
		}
	}
	for _, topic := range topics {
		if _, err := conn.Subscribe(ctx, topic, print); err != nil {
			return fmt.Errorf("subscribing to %q: %w", topic, err)
		}
	}
	fmt.Fprintf(p.err, "iris: subscribed to %s; stop with Ctrl-C\n", strings.Join(topics, ", "))
	return untilEnd(ctx, conn)
}
