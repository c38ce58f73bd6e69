package main

import (
	"context"
	"flag"
	"net/url"

	"github.com/project-iris/iris/cmd/internal/terminal"
	"github.com/project-iris/iris/node/status"
)

func (p *program) explainCommand() *command {
	var ask askFlags
	var raw bool
	fs := flag.NewFlagSet("explain", flag.ContinueOnError)
	ask.register(fs)
	fs.BoolVar(&raw, "json", false, "print the answer as it is, in JSON")
	return &command{
		Name:       "explain",
		ShortUsage: "iris explain [flags] NAME",
		ShortHelp:  "print who would be asked now by a request to a cluster, and why",
		LongHelp: `
Prints who would get a request to the cluster NAME that an application of the node of this
host makes now: each candidate with the chance that it has, what it costs and why; who is
left out, and why; and what waits. Each node decides for itself, by what it has measured:
another one may decide otherwise. It changes nothing, and asks no member.

  iris explain billing`,
		FlagSet:  fs,
		Argument: firstName(status.Cluster),
		Exec: func(ctx context.Context, args []string) error {
			if len(args) != 1 || args[0] == "" {
				return usagef("iris explain wants the name of a cluster, got %d arguments", len(args))
			}
			ctx, stop := p.interruptible(ctx)
			defer stop()
			var e status.Explanation
			body, err := ask.get(ctx, "/v1/explain?name="+url.QueryEscape(args[0]))
			switch {
			case err != nil:
				return err
			case raw:
				_, err := p.out.Write(body)
				return err
			}
			if err := decode(body, &e); err != nil {
				return err
			}
			_, err = p.out.Write(terminal.Harmless([]byte(e.String())))
			return err
		},
	}
}
