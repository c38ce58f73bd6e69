package main

import (
	"context"
	"flag"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/project-iris/iris/cmd/internal/otlp"
	"github.com/project-iris/iris/cmd/internal/terminal"
	"github.com/project-iris/iris/node"
	"github.com/project-iris/iris/node/status"
)

func (p *program) traceCommand() *command {
	var ask askFlags
	var raw bool
	var count, every int
	var wait time.Duration
	var collector string
	fs := flag.NewFlagSet("trace", flag.ContinueOnError)
	ask.register(fs)
	fs.IntVar(&count, "count", 5, "trace so many `requests` at most, up to 100")
	fs.IntVar(&every, "every", 1, "trace one of so many `requests` that a node sees")
	fs.DurationVar(&wait, "for", 10*time.Second, "wait so long for them at most: a `duration`")
	fs.BoolVar(&raw, "json", false, "print the answer as it is, in JSON")
	fs.StringVar(&collector, "otlp", "", "send the spans to a collector, too, by OTLP over HTTP: its `URL`, such as http://127.0.0.1:4318")
	return &command{
		Name:       "trace",
		ShortUsage: "iris trace [flags] NAME",
		ShortHelp:  "print how long the next requests to a cluster take, hop by hop",
		LongHelp: `
Follows the next requests to the cluster NAME, whichever node their callers are attached to,
and prints when each was read, who was picked and why, how long it was held, on a link, in
the hands of the member, and on its way back. It waits until there are enough of them, or
until the time of -for is over. Requests alone are traced, not events, broadcasts or tunnels.

Nodes have clocks of their own: what happens at another node is placed in the middle between
the request's leaving and the answer's coming back. It goes by the socket alone, as the nodes
do more than usual while they are asked.

  iris trace -count 3 billing`,
		FlagSet:  fs,
		Argument: firstName(status.Cluster),
		Exec: func(ctx context.Context, args []string) error {
			switch {
			case len(args) != 1 || args[0] == "":
				return usagef("iris trace wants the name of a cluster, got %d arguments", len(args))
			case ask.addr != "":
				return usagef("iris trace asks by the socket of the node: leave -http out")
			}
			wanted := node.Traced{Cluster: args[0], Count: count, Every: every, Time: wait}
			if err := wanted.Check(); err != nil {
				return usagef("%v", err)
			}
			endpoint := ""
			if collector != "" {
				var err error
				if endpoint, err = otlp.Endpoint(collector); err != nil {
					return usagef("-otlp %v", err)
				}
			}
			ctx, stop := p.interruptible(ctx)
			defer stop()
			query := url.Values{"name": {args[0]}, "count": {strconv.Itoa(count)}, "every": {strconv.Itoa(every)}, "for": {wait.String()}}
			body, err := ask.doWithin(ctx, wait+2*askTimeout, http.MethodPost, "/v1/trace?"+query.Encode(), "")
			if err != nil {
				return err
			}
			var traces status.Traces
			if err := decode(body, &traces); err != nil {
				return err
			}
			if !raw {
				body = terminal.Harmless([]byte(traces.String()))
			}
			if _, err := p.out.Write(body); err != nil || endpoint == "" || len(traces.Traces) == 0 {
				return err
			}
			return otlp.Send(ctx, endpoint, &traces)
		},
	}
}
