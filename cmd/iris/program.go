package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
)

// Exit codes.
const (
	exitGood   = 0
	exitFailed = 1
	exitUsage  = 2
)

// program is one run of the command: what it reads and writes, and the signals that
// it gets.
type program struct {
	in       io.Reader
	out, err io.Writer
	progress bool // somebody watches err, and does not type what is sent
	signals  <-chan os.Signal
	alone    bool // the process is for this run: its standard logger, too

	notes []note // on variables that are not used
}

// usageError says that the command line is wrong.
type usageError struct{ text string }

func (e *usageError) Error() string { return e.text }

func usagef(format string, args ...any) error {
	return &usageError{fmt.Sprintf(format, args...)}
}

// run runs the command line and returns the exit code.
func (p *program) run(ctx context.Context, args []string) int {
	root := p.commands()
	c, args, err := root.choose(args)
	if err == nil {
		args, err = c.parse(args, root.variables())
	}
	if errors.Is(err, flag.ErrHelp) {
		fmt.Fprint(p.out, usage(c))
		return exitGood
	}
	if p.notes = c.environ.notes; c != root { // a node logs them
		for _, n := range p.notes {
			fmt.Fprintf(p.err, "iris: %v\n", n)
		}
	}
	if err == nil {
		err = c.Exec(ctx, args)
	}
	if err != nil {
		return p.fail(c, err)
	}
	return exitGood
}

// fail says in one line what went wrong, and after wrong use what helps.
func (p *program) fail(c *command, err error) int {
	fmt.Fprintf(p.err, "iris: %v\n", err)
	if wrong := (*usageError)(nil); !errors.As(err, &wrong) {
		return exitFailed
	}
	for _, line := range c.environ.blame(err.Error()) {
		fmt.Fprintf(p.err, "iris: %s\n", line)
	}
	fmt.Fprintln(p.err, "iris: see iris -h, and iris COMMAND -h")
	return exitUsage
}

// commands returns the command tree. Without a subcommand, iris runs a node.
func (p *program) commands() *command {
	root := p.nodeCommand()
	root.Subcommands = []*command{
		p.requestCommand(),
		p.replyCommand(),
		p.broadcastCommand(),
		p.publishCommand(),
		p.subscribeCommand(),
		p.tunnelCommand(),
		p.httpCommand(),
		p.exposeCommand(),
		p.forwardCommand(),
		p.statusCommand(),
		p.membersCommand(),
		p.namesCommand(),
		p.appsCommand(),
		p.linksCommand(),
		p.drainCommand(),
		p.logLevelCommand(),
		p.benchCommand(),
		p.keygenCommand(),
	}
	root.prepare()
	return root
}
