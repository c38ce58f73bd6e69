package main

import (
	"context"
	"flag"
	"net/http"
	"net/url"
)

func (p *program) drainCommand() *command {
	var ask askFlags
	fs := flag.NewFlagSet("drain", flag.ContinueOnError)
	ask.register(fs)
	return &command{
		Name:       "drain",
		ShortUsage: "iris drain [flags] [NODE]",
		ShortHelp:  "stop the node of this host in good order",
		LongHelp: `
Tells the node of this host to stop as SIGTERM does: it takes no more work, finishes what
it has within the time of its -drain, tells the others, and ends. The command does not
wait for that. It goes by the socket alone, so that only the node's user can say it, and
each node is told on its own host. NODE, an id as tables show it, makes sure that it is
the right one: where it is another, nothing is stopped, and the answer says where that is.

  iris drain 7aa57e15`,
		FlagSet: fs,
		Exec: func(ctx context.Context, args []string) error {
			switch len(args) {
			case 0:
				return p.tell(ctx, &ask, http.MethodPost, "/v1/drain", "")
			case 1:
				return p.tell(ctx, &ask, http.MethodPost, "/v1/drain?node="+url.QueryEscape(args[0]), "")
			}
			return usagef("iris drain wants one node at most, got %d", len(args))
		},
	}
}

func (p *program) logLevelCommand() *command {
	var ask askFlags
	fs := flag.NewFlagSet("log-level", flag.ContinueOnError)
	ask.register(fs)
	return &command{
		Name:       "log-level",
		ShortUsage: "iris log-level [flags] [LEVEL]",
		ShortHelp:  "print the log level of the node of this host, or change it",
		LongHelp: `
Prints from which level on the node of this host logs, or changes it to LEVEL: debug,
info, warn or error. It stays so until the node ends. To change it goes by the socket
alone.

  iris log-level debug`,
		FlagSet:  fs,
		Argument: words("debug", "info", "warn", "error"),
		Exec: func(ctx context.Context, args []string) error {
			switch len(args) {
			case 0:
				return p.tell(ctx, &ask, http.MethodGet, "/v1/log-level", "")
			case 1:
				return p.tell(ctx, &ask, http.MethodPut, "/v1/log-level", args[0])
			}
			return usagef("iris log-level wants one level at most, got %d", len(args))
		},
	}
}

// tell tells a node what to do, and prints its answer.
func (p *program) tell(ctx context.Context, ask *askFlags, method, path, body string) error {
	ctx, stop := p.interruptible(ctx)
	defer stop()
	answer, err := ask.do(ctx, method, path, body)
	if err != nil {
		return err
	}
	_, err = p.out.Write(answer)
	return err
}
