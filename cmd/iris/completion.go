package main

import (
	"context"
	_ "embed"
	"flag"
	"fmt"
	"strings"
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
		ShortHelp:  "print what makes a shell complete commands and flags",
		LongHelp: `
Prints a script for a shell, which then completes the commands and flags of iris:

  source <(iris completion bash)
  source <(iris completion zsh)
  iris completion fish | source

The second form is what these scripts ask: the words are those behind "iris", the last
of them is what is to be completed and may be empty. It prints what can stand there, one
in each line, and behind a tab what that means.`,
		FlagSet: flag.NewFlagSet("completion", flag.ContinueOnError),
		Exec: func(_ context.Context, args []string) error {
			if len(args) == 0 {
				return usagef("iris completion wants the name of a shell: bash, zsh or fish")
			}
			text, known := map[string]string{"bash": bashScript, "zsh": zshScript, "fish": fishScript}[args[0]]
			switch {
			case args[0] == "words":
				text = p.commands().complete(args[1:])
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

// complete returns what the last of the words can become, one in each line, with what it
// means behind a tab. Empty if the command has nothing to say on it, as on the value of a flag.
func (c *command) complete(words []string) string {
	if len(words) == 0 {
		return ""
	}
	last := len(words) - 1
	partial, given := words[last], words[:last]
	if len(given) > 0 {
		if sub := c.named(given[0]); sub != nil {
			return sub.complete(words[1:])
		}
	}
	switch {
	case strings.HasPrefix(partial, "-") && c.takesFlag(given):
		return c.flagsWith(partial)
	case len(given) == 0:
		return c.subcommandsWith(partial)
	}
	return ""
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
