package main

import (
	"context"
	_ "embed"
	"flag"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/project-iris/iris/node"
	"github.com/project-iris/iris/node/status"
)

// The scripts by which shells ask the program what can follow.
var (
	//go:embed completion/iris.bash
	bashScript string
	//go:embed completion/iris.zsh
	zshScript string
	//go:embed completion/iris.fish
	fishScript string
)

func (p *program) completionCommand() *command {
	return &command{
		Name:       "completion",
		ShortUsage: "iris completion bash|zsh|fish\n  iris completion words -- WORD...",
		ShortHelp:  "print what makes a shell complete commands, flags and names",
		LongHelp: `
Prints a script for a shell, which then completes the commands and flags of iris:

  source <(iris completion bash)
  source <(iris completion zsh)
  iris completion fish | source

They complete the names of clusters and topics, too: the node of this host is asked, and by
it the others, which have half a second for that. The flags and variables that say which
node a command is for count. If none answers, nothing is said.

The second form is what these scripts ask: the words are those behind "iris", the last
of them is what is to be completed and may be empty. It prints what can stand there, one
in each line, and behind a tab what that means. Whoever attaches to a node chooses names:
a script has to quote them before a shell reads them. Those with characters that do not print
are left out.`,
		FlagSet:  flag.NewFlagSet("completion", flag.ContinueOnError),
		Argument: words("bash", "zsh", "fish"),
		Exec: func(ctx context.Context, args []string) error {
			if len(args) == 0 {
				return usagef("iris completion wants the name of a shell: bash, zsh or fish")
			}
			text, known := map[string]string{"bash": bashScript, "zsh": zshScript, "fish": fishScript}[args[0]]
			switch {
			case args[0] == "words":
				ctx, cancel := context.WithTimeout(ctx, askTime)
				defer cancel()
				text = p.commands().complete(ctx, args[1:])
			case !known:
				return usagef("iris completion knows bash, zsh and fish, not %s", quoted(args[0]))
			case len(args) > 1:
				return usagef("iris completion wants the name of one shell, got %d arguments", len(args))
			}
			_, err := fmt.Fprint(p.out, text)
			return err
		},
	}
}

// An argument is what an argument of a command can be.
type argument struct {
	kinds []string // of names
	words []string // that the command knows
}

// Arguments that are names: each, or the first alone.
func eachName(kinds ...string) func(int) argument {
	return func(int) argument { return argument{kinds: kinds} }
}

func firstName(kinds ...string) func(int) argument {
	return func(i int) argument {
		if i > 0 {
			return argument{}
		}
		return argument{kinds: kinds}
	}
}

// words is for a command whose first argument is one of some words.
func words(all ...string) func(int) argument {
	return func(i int) argument {
		if i > 0 {
			return argument{}
		}
		return argument{words: all}
	}
}

// complete returns what the last of the words can become, one in each line, with what it
// means behind a tab. Empty if the command has nothing to say on it, as on the value of a flag.
func (c *command) complete(ctx context.Context, words []string) string {
	if len(words) == 0 {
		return ""
	}
	last := len(words) - 1
	partial, given := words[last], words[:last]
	if len(given) > 0 {
		if sub := c.named(given[0]); sub != nil {
			return sub.complete(ctx, words[1:])
		}
	}
	dashes := slices.Contains(given, "--")
	switch {
	case strings.HasPrefix(partial, "-") && !dashes:
		if c.takesFlag(given) {
			return c.flagsWith(partial)
		}
		return ""
	case len(given) == 0 && len(c.Subcommands) > 0 && c.Argument == nil:
		return c.subcommandsWith(partial)
	case c.Argument == nil || !dashes && !c.takesFlag(given):
		return ""
	}
	flags, operands, err := c.split(given, c.Program)
	if err != nil || c.FlagSet.Parse(flags) != nil {
		return ""
	}
	commands := ""
	if len(given) == 0 {
		commands = c.subcommandsWith(partial)
	}
	what := c.Argument(len(operands))
	for _, word := range what.words {
		if strings.HasPrefix(word, partial) {
			commands += word + "\t" + c.title() + " " + word + "\n"
		}
	}
	if len(what.kinds) == 0 {
		return commands
	}
	return commands + c.namesWith(ctx, partial, dashes, what.kinds)
}

// takesFlag reports whether a flag can stand behind the arguments. It cannot behind an
// error, behind "--", as the value of another flag, or where another program's begin.
func (c *command) takesFlag(args []string) bool {
	operands := 0
	for i := 0; i < len(args); {
		words := c.words(args[i])
		switch {
		case words < 0:
			return false
		case words > 0:
			if i += words; i > len(args) {
				return false
			}
		default:
			if operands++; operands == c.Program {
				return false
			}
			i++
		}
	}
	return true
}

func (c *command) subcommandsWith(prefix string) string {
	var b strings.Builder
	for _, sub := range c.Subcommands {
		if strings.HasPrefix(sub.Name, prefix) {
			fmt.Fprintf(&b, "%s\t%s\n", sub.Name, oneLine(sub.ShortHelp))
		}
	}
	return b.String()
}

func (c *command) flagsWith(prefix string) string {
	dashes := "-"
	if strings.HasPrefix(prefix, "--") {
		dashes = "--"
	}
	var b strings.Builder
	c.FlagSet.VisitAll(func(f *flag.Flag) {
		if name := dashes + f.Name; strings.HasPrefix(name, prefix) {
			_, text := flag.UnquoteUsage(f)
			fmt.Fprintf(&b, "%s\t%s\n", name, oneLine(text))
		}
	})
	return b.String()
}

func oneLine(text string) string { return strings.Join(strings.Fields(text), " ") }

// maxNames is how many names are offered, those with most traffic first.
const maxNames = 500

// namesWith returns the names that begin so and that somebody serves. It asks the node that the flags name, which are
// parsed, and says nothing if none answers. A dash begins a name only behind dashes.
func (c *command) namesWith(ctx context.Context, prefix string, dashes bool, kinds []string) string {
	if c.environ.read(c.FlagSet, nil) != nil {
		return ""
	}
	var b strings.Builder
	left := maxNames
	for _, row := range sumNames(askSoon(ctx, c.asked())) {
		name := row.Name.Name
		if left == 0 {
			break
		}
		if row.Here == 0 || !slices.Contains(kinds, row.Kind) || !strings.HasPrefix(name, prefix) || !isPlain(name) || !dashes && name[0] == '-' {
			continue
		}
		left--
		fmt.Fprintf(&b, "%s\t%s, served %d at %d\n", name, row.Kind, row.Here, row.at)
	}
	return b.String()
}

// asked is the node that the flags of a command name.
func (c *command) asked() *askFlags {
	ask := &askFlags{port: node.DefaultPort}
	c.FlagSet.VisitAll(func(f *flag.Flag) {
		switch f.Name {
		case "port":
			fmt.Sscan(f.Value.String(), &ask.port)
		case "control":
			ask.control = f.Value.String()
		case "http":
			ask.addr = f.Value.String()
		}
	})
	return ask
}

// isPlain reports whether a name is what its text says: a node escapes characters that do not
// print, and doubles backslashes.
func isPlain(name string) bool {
	return name != "" && !strings.Contains(name, `\`) && status.Text(name) == name
}

// askTime is how long whoever waits for a completion waits for nodes.
const askTime = 500 * time.Millisecond

// askSoon asks a node and by it all others, and takes what that of this host says if not all
// have answered before the context ends; nothing if it has not either.
func askSoon(ctx context.Context, ask *askFlags) *status.Network {
	answers := make(chan *status.Network, 2)
	for _, local := range []bool{true, false} {
		go func() {
			all, err := askAll(ctx, ask, local)
			if err != nil {
				all = &status.Network{}
			}
			answers <- all
		}()
	}
	best := &status.Network{}
	for range 2 {
		select {
		case all := <-answers:
			if len(all.Nodes) > len(best.Nodes) {
				best = all
			}
		case <-ctx.Done():
			return best
		}
	}
	return best
}
