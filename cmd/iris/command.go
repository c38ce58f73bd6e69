package main

import (
	"context"
	"errors"
	"flag"
	"io"
	"slices"
	"strings"
)

// A command is what the program does with a command line: a subcommand, or a node.
type command struct {
	Name       string // of the subcommand, or of the program
	ShortUsage string
	ShortHelp  string // for the list of commands
	LongHelp   string
	FlagSet    *flag.FlagSet
	// Program is the number of the argument, from one, that is another program's name:
	// what follows it belongs to that. 0: no argument is.
	Program     int
	Subcommands []*command
	// Argument says what an argument can be, counted from zero, so that shells can complete it.
	// nil: files, or nothing that is known.
	Argument func(i int) argument
	// Exec runs the command. The arguments are those that are no flags.
	Exec func(ctx context.Context, args []string) error
	// Failed says what went wrong in the command's own way, and reports whether it has. nil:
	// the program says it.
	Failed func(error) bool

	// Config is the flag that names a file of settings; nil: the command has none. Own are
	// the flags that are for the command alone, and not for the file.
	Config *string
	Own    []string

	parent  *command    // whose subcommand it is
	line    []string    // the flags that the command line has set
	environ environment // what comes from there
	file    configFile  // what comes from the file
}

// prepare makes the flags ready to be parsed, and those of the subcommands. Errors and help
// are said by the program.
func (c *command) prepare() {
	c.FlagSet.SetOutput(io.Discard)
	c.FlagSet.Usage = func() {}
	c.FlagSet.VisitAll(func(f *flag.Flag) { f.Value = &setting{f.Value} })
	for _, sub := range c.Subcommands {
		sub.parent = c
		sub.prepare()
	}
}

// title is what a user calls the command.
func (c *command) title() string {
	if c.parent == nil {
		return c.Name
	}
	return c.parent.title() + " " + c.Name
}

// variables returns the variables that the flags of all commands have.
func (c *command) variables() []string {
	var all []string
	c.FlagSet.VisitAll(func(f *flag.Flag) { all = append(all, variable(f.Name)) })
	for _, sub := range c.Subcommands {
		all = append(all, sub.variables()...)
	}
	return all
}

// named returns the subcommand of that name, or nil.
func (c *command) named(name string) *command {
	i := slices.IndexFunc(c.Subcommands, func(sub *command) bool { return strings.EqualFold(sub.Name, name) })
	if i < 0 {
		return nil
	}
	return c.Subcommands[i]
}

// choose returns the command that the arguments name, and what is left of them.
func (c *command) choose(args []string) (*command, []string, error) {
	if len(c.Subcommands) == 0 {
		return c, args, nil
	}
	flags, operands, err := c.split(args, 1)
	if err != nil || len(operands) == 0 {
		return c, args, err
	}
	sub := c.named(operands[0])
	switch {
	case sub == nil:
		return c, args, nil
	case len(flags) == 0:
		return sub.choose(operands[1:])
	case errors.Is(c.FlagSet.Parse(flags), flag.ErrHelp):
		return c, nil, flag.ErrHelp
	}
	return c, nil, usagef("%s stands before the command, where no flag can be: write %s %s",
		flags[0], sub.title(), strings.Join(flags, " "))
}

// parse sets the flags, wherever they stand among the arguments, and returns the latter.
// What the command line does not set comes from the environment, and what that does not
// set from the file.
func (c *command) parse(args, known []string) ([]string, error) {
	flags, operands, err := c.split(args, c.Program)
	if err != nil {
		return nil, err
	}
	if err := c.FlagSet.Parse(flags); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return nil, err
		}
		return nil, &usageError{err.Error()}
	}
	c.FlagSet.Visit(func(f *flag.Flag) { c.line = append(c.line, f.Name) })
	if err := c.environ.read(c.FlagSet, known); err != nil {
		return operands, err
	}
	if c.Config == nil || *c.Config == "" {
		return operands, nil
	}
	return operands, c.file.read(*c.Config, c.FlagSet, c.Own)
}

// origin says where a flag has its value from; empty for the default.
func (c *command) origin(name string) string {
	if slices.Contains(c.line, name) {
		return "command line"
	}
	for _, s := range c.environ.set {
		if s.flag == name {
			return s.variable
		}
	}
	if c.file.line(name) > 0 {
		return c.file.where(name)
	}
	return ""
}

// blame says where the flags come from that a text names, but for those of the command line.
func (c *command) blame(text string) []string {
	return append(c.environ.blame(text), c.file.blame(text, c.origin)...)
}

// split parts flags, with their values, from the other arguments. Behind "--", and from
// the argument on that is a program's name, nothing is a flag.
func (c *command) split(args []string, program int) (flags, operands []string, err error) {
	for i := 0; i < len(args); {
		words := c.words(args[i])
		switch {
		case args[i] == "--":
			return flags, append(operands, args[i+1:]...), nil
		case words > 0:
			end := min(i+words, len(args))
			flags = append(flags, args[i:end]...)
			i = end
		case words < 0:
			return nil, nil, c.unknown(args[i])
		case len(operands)+1 == program:
			return flags, append(operands, args[i:]...), nil
		default:
			operands = append(operands, args[i])
			i++
		}
	}
	return flags, operands, nil
}

// words returns how many arguments a flag takes, itself included: 0 if this is none, and
// -1 if the command does not have it.
func (c *command) words(arg string) int {
	if len(arg) < 2 || arg[0] != '-' {
		return 0
	}
	name, _, given := strings.Cut(flagName(arg), "=")
	f := c.FlagSet.Lookup(name)
	switch {
	case name == "h" || name == "help":
		return 1
	case f == nil:
		return -1
	case given || isBool(f.Value):
		return 1
	}
	return 2
}

// flagName returns the name, and the value if there is one, behind one dash or two.
func flagName(arg string) string { return strings.TrimPrefix(arg[1:], "-") }

// unknown says that the command does not have a flag.
func (c *command) unknown(arg string) error {
	name, _, _ := strings.Cut(flagName(arg), "=")
	var names []string
	c.FlagSet.VisitAll(func(f *flag.Flag) { names = append(names, f.Name) })
	advice := ""
	if near := nearest(name, names); near != "" {
		advice = "; did you mean -" + near + "?"
	}
	return usagef("%s has no flag -%s%s (an argument that begins with a dash goes behind --)", c.title(), name, advice)
}
