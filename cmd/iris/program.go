package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/project-iris/iris/cmd/internal/terminal"
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
	out, err io.Writer // err goes to the log's queue once there is one
	screen   io.Writer // the terminal itself, for who draws on it: run sets it
	watched  bool      // out is a terminal
	progress bool      // somebody watches err, and does not type what is sent
	signals  <-chan os.Signal
	alone    bool // the process is for this run: its standard logger, too

	args    []string         // the command line
	hangups <-chan os.Signal // for a node to reload its settings; nil: the system says it

	notes []note     // on variables that are not used
	lines *lineQueue // of the log, if there is one
}

// usageError says that the command line is wrong.
type usageError struct{ text string }

func (e *usageError) Error() string { return e.text }

func usagef(format string, args ...any) error {
	return &usageError{fmt.Sprintf(format, args...)}
}

// run runs the command line and returns the exit code.
func (p *program) run(ctx context.Context, args []string) int {
	if p.watched {
		shown := &terminal.Writer{Out: p.out}
		defer shown.End()
		p.screen, p.out = p.out, shown
	}
	p.args = args
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
	code := exitGood
	if err != nil {
		code = p.fail(c, err)
	}
	if p.lines != nil {
		p.lines.close()
	}
	return code
}

// fail says what went wrong, in one line for each thing, and after wrong use what helps.
func (p *program) fail(c *command, err error) int {
	wrong := (*usageError)(nil)
	isUsage := errors.As(err, &wrong)
	if c.Failed != nil && c.Failed(err) {
		if isUsage {
			return exitUsage
		}
		return exitFailed
	}
	if !isUsage {
		fmt.Fprintf(p.err, "iris: %s\n", terminal.Harmless([]byte(err.Error()))) // which may have a fault in it
		return exitFailed
	}
	for line := range strings.SplitSeq(err.Error(), "\n") {
		fmt.Fprintf(p.err, "iris: %s\n", terminal.Harmless([]byte(line)))
	}
	for _, line := range c.blame(err.Error()) {
		fmt.Fprintf(p.err, "iris: %s\n", line)
	}
	fmt.Fprintln(p.err, "iris: see iris -h, and iris COMMAND -h")
	return exitUsage
}

// commands returns the command tree. Without a subcommand, iris runs a node.
func (p *program) commands() *command { return p.commandsFor(&nodeFlags{}) }

// commandsFor returns the command tree, whose flags of a node are those.
func (p *program) commandsFor(f *nodeFlags) *command {
	root := p.nodeCommand(f)
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
		p.topCommand(),
		p.explainCommand(),
		p.traceCommand(),
		p.doctorCommand(),
		p.drainCommand(),
		p.logLevelCommand(),
		p.benchCommand(),
		p.keygenCommand(),
		p.checkCommand(),
		p.rotateCommand(),
		p.versionCommand(),
		p.policyCommand(),
		p.completionCommand(),
		p.manCommand(),
	}
	root.prepare()
	return root
}
