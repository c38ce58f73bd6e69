package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"os/exec"
	"runtime"
	"strings"
	"sync"
	"time"

	"github.com/project-iris/iris/node/status"
	"github.com/project-iris/iris/relay/client"
)

func (p *program) replyCommand() *command {
	var app resilientFlags
	var text verbatim
	var parallel int
	fs := flag.NewFlagSet("reply", flag.ContinueOnError)
	app.register(fs)
	fs.Var(&text, "text", "answer every request with this `text` instead of a command's output")
	fs.IntVar(&parallel, "parallel", 2*runtime.NumCPU(), "`number` of commands that run at a time")
	return &command{
		Name:       "reply",
		ShortUsage: "iris reply [flags] CLUSTER COMMAND [ARGUMENT ...]\n  iris reply -text TEXT CLUSTER",
		ShortHelp:  "be a member of a cluster: answer requests, print broadcasts",
		LongHelp: `
Joins the cluster until it is stopped. For each request it runs the command, with the
request on its standard input: its standard output, less one line end, is the reply.
If it fails, its standard error is the fault that the caller gets. The command is
killed when the caller's time is over, and when it prints more than 64 MiB. Of requests that wait for
their command there are 16 MiB at most; the others get the fault "overloaded". A process that it leaves behind, and that keeps
its output open, is waited for a second. Each broadcast is printed on a line of standard
output. When the connection to the node is lost, commands are killed, and this program joins
the cluster again as soon as the node is back.

What follows COMMAND belongs to it: flags of iris stand before.`,
		FlagSet:  fs,
		Argument: firstName(status.Cluster),
		Program:  2,
		Exec: func(ctx context.Context, args []string) error {
			given := isSet(fs, "text")
			switch {
			case len(args) == 0:
				return usagef("iris reply wants the name of a CLUSTER")
			case given && len(args) > 1:
				return usagef("iris reply wants either -text or a COMMAND, not both")
			case !given && len(args) == 1:
				return usagef("how should iris reply answer? give a COMMAND behind %s, or -text TEXT", args[0])
			case parallel < 1:
				return usagef("-parallel has to be at least 1")
			}
			if given {
				return p.reply(ctx, &app, args[0], fixed(string(text)), 0)
			}
			return p.reply(ctx, &app, args[0], outputOf(args[1:]), parallel)
		},
	}
}

// isSet reports whether a flag was given, by argument or environment.
func isSet(fs *flag.FlagSet, name string) bool {
	set := false
	fs.Visit(func(f *flag.Flag) { set = set || f.Name == name })
	return set
}

// answerer answers requests.
type answerer func(ctx context.Context, body []byte) ([]byte, error)

// fixed answers with a text.
func fixed(text string) answerer {
	return func(context.Context, []byte) ([]byte, error) { return []byte(text), nil }
}

// Of what a command prints so much is taken, in bytes: as a reply, and to say why it failed.
const (
	maxOutput  = 64 << 20
	maxTrouble = 64 << 10
)

var errOutput = fmt.Errorf("the output has more than %d bytes", maxOutput)

// outputOf answers with the output of a command.
func outputOf(args []string) answerer {
	return func(ctx context.Context, body []byte) ([]byte, error) {
		cmd := exec.CommandContext(ctx, args[0], args[1:]...)
		cmd.Stdin = bytes.NewReader(body)
		cmd.WaitDelay = time.Second // for children that keep its output open
		output, trouble := bounded{most: maxOutput, full: errOutput}, bounded{most: maxTrouble}
		cmd.Stdout, cmd.Stderr = &output, &trouble
		// What the command leaves behind may keep its output open: it has ended well all the same.
		if err := cmd.Run(); err != nil && !errors.Is(err, exec.ErrWaitDelay) {
			return nil, fault(err, trouble.text.String())
		}
		return bytes.TrimSuffix(output.text.Bytes(), []byte("\n")), nil
	}
}

// bounded keeps the beginning of what is written to it. Beyond that it fails, where it has an
// error for that, and drops the rest otherwise.
type bounded struct {
	text bytes.Buffer // not embedded: its ReadFrom would know no limit
	most int
	full error
}

// Write keeps what there is room for.
func (w *bounded) Write(b []byte) (int, error) {
	kept := min(len(b), w.most-w.text.Len())
	w.text.Write(b[:kept])
	if kept < len(b) && w.full != nil {
		return kept, w.full
	}
	return len(b), nil
}

// fault says why a command failed, in its own words if it had any.
func fault(err error, said string) error {
	if said = strings.TrimSpace(said); said != "" {
		return errors.New(said)
	}
	return err
}

// reply serves a cluster, with so many answers made at a time; 0 stands for the binding's
// default. Requests beyond these wait in the binding, which bounds their bytes.
func (p *program) reply(ctx context.Context, app *resilientFlags, cluster string, answer answerer, parallel int) (err error) {
	ctx, stop := p.interruptible(ctx)
	defer stop()
	var printing sync.Mutex
	config := app.config(p)
	config.Handlers = parallel
	conn, err := client.Register(ctx, cluster, client.Service{
		Request: answer,
		Broadcast: func(message []byte) {
			printing.Lock()
			defer printing.Unlock()
			_, _ = p.out.Write(append(message, '\n'))
		},
	}, config)
	if err != nil {
		return app.explain(err)
	}
	defer closing(conn, &err)
	fmt.Fprintf(p.err, "iris: serving cluster %q; stop with Ctrl-C\n", cluster)
	return untilEnd(ctx, conn)
}
