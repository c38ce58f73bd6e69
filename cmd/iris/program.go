package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"

	"github.com/peterbourgon/ff/v3"
	"github.com/peterbourgon/ff/v3/ffcli"
)

// Exit codes.
const (
	exitGood   = 0
	exitFailed = 1
	exitUsage  = 2
)

// envPrefix starts the name of the environment variable of every flag: -log-level
// is IRIS_LOG_LEVEL. A flag on the command line wins.
const envPrefix = "IRIS"

// program is one run of the command: what it reads and writes, and the signals that
// it gets.
type program struct {
	in       io.Reader
	out, err io.Writer
	progress bool // somebody watches err, and does not type what is sent
	signals  <-chan os.Signal

	usage string // of the command whose -h was asked for, or whose use was wrong
}

// usageError says that the command line is wrong.
type usageError struct{ text string }

func (e *usageError) Error() string { return e.text }

func usagef(format string, args ...any) error {
	return &usageError{fmt.Sprintf(format, args...)}
}

// run runs the command line and returns the exit code.
func (p *program) run(ctx context.Context, args []string) int {
	root := p.command()
	if err := root.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			fmt.Fprint(p.out, p.usage)
			return exitGood
		}
		if inner := errors.Unwrap(err); inner != nil {
			err = inner // without the library's "error parsing commandline arguments"
		}
		return p.fail(&usageError{err.Error()})
	}
	if err := root.Run(ctx); err != nil {
		return p.fail(err)
	}
	return exitGood
}

// fail says in one line what went wrong.
func (p *program) fail(err error) int {
	fmt.Fprintf(p.err, "iris: %v\n", err)
	if wrong := (*usageError)(nil); errors.As(err, &wrong) {
		fmt.Fprintln(p.err, "iris: see iris -h, and iris COMMAND -h")
		return exitUsage
	}
	return exitFailed
}

// command returns the command tree. Without a subcommand, iris runs a node.
func (p *program) command() *ffcli.Command {
	root := p.nodeCommand()
	root.Subcommands = []*ffcli.Command{
		p.requestCommand(),
		p.replyCommand(),
		p.broadcastCommand(),
		p.publishCommand(),
		p.subscribeCommand(),
		p.tunnelCommand(),
		p.membersCommand(),
		p.benchCommand(),
		p.keygenCommand(),
	}
	for _, c := range append(root.Subcommands, root) {
		c.FlagSet.SetOutput(io.Discard) // errors are said by fail, help by run
		c.Options = []ff.Option{ff.WithEnvVarPrefix(envPrefix)}
		c.UsageFunc = func(c *ffcli.Command) string {
			p.usage = usage(c)
			return p.usage
		}
	}
	return root
}
