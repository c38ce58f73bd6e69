package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

func (p *program) manCommand() *command {
	return &command{
		Name:       "man",
		ShortUsage: "iris man DIRECTORY",
		ShortHelp:  "write the manual pages to a directory",
		LongHelp: `
Writes a manual page for iris and one for each command, iris-request.1 and so on, to a
directory that exists. They say what -h says. Pages that are there are replaced.

  iris man /usr/local/share/man/man1`,
		FlagSet: flag.NewFlagSet("man", flag.ContinueOnError),
		Exec: func(_ context.Context, args []string) error {
			if len(args) != 1 {
				return usagef("iris man wants the name of one directory, got %d arguments", len(args))
			}
			return p.commands().writePages(args[0])
		},
	}
}

// writePages writes the page of the command and those of its subcommands.
func (c *command) writePages(directory string) error {
	name := filepath.Join(directory, c.page()+".1")
	if err := os.WriteFile(name, []byte(manual(c)), 0o644); err != nil {
		return fmt.Errorf("cannot write a manual page: %w", err)
	}
	for _, sub := range c.Subcommands {
		if err := sub.writePages(directory); err != nil {
			return err
		}
	}
	return nil
}

// page is the name of the manual page.
func (c *command) page() string { return strings.ReplaceAll(c.title(), " ", "-") }

// manual is the manual page of a command, for man(7). It has no date, so that it is the
// same whenever it is made, and words are not parted, so that they can be searched for.
func manual(c *command) string {
	var b strings.Builder
	about := oneLine(c.ShortHelp)
	if c.parent == nil {
		about = "messaging for the back end of a service, without brokers"
	}
	fmt.Fprintf(&b, ".TH %s 1 \"\" \"Iris\" \"Iris\"\n.nh\n.ad l\n", roff(strings.ToUpper(c.page())))
	fmt.Fprintf(&b, ".SH NAME\n%s \\- %s\n", roff(c.page()), roff(about))
	b.WriteString(".SH SYNOPSIS\n")
	literal(&b, c.ShortUsage)
	b.WriteString(".SH DESCRIPTION\n")
	prose(&b, c.LongHelp)
	if len(c.Subcommands) > 0 {
		b.WriteString(".SH COMMANDS\n")
		for _, sub := range c.Subcommands {
			fmt.Fprintf(&b, ".TP\n.BR %s (1)\n%s\n", roff(sub.page()), roff(oneLine(sub.ShortHelp)))
		}
	}
	manualFlags(&b, c.FlagSet)
	if c.parent != nil {
		fmt.Fprintf(&b, ".SH SEE ALSO\n.BR %s (1)\n", roff(c.parent.page()))
	}
	return b.String()
}

func manualFlags(b *strings.Builder, fs *flag.FlagSet) {
	heading := ".SH OPTIONS\nEach may be given as an environment variable instead.\n"
	fs.VisitAll(func(f *flag.Flag) {
		b.WriteString(heading)
		heading = ""
		value, text := flag.UnquoteUsage(f)
		if f.DefValue != "" && f.DefValue != "false" {
			text += fmt.Sprintf(" (default %s)", f.DefValue)
		}
		fmt.Fprintf(b, ".TP\n\\fB%s\\fR \\fI%s\\fR\n%s. Variable: %s.\n",
			roff("-"+f.Name), roff(value), line(text), roff(variable(f.Name)))
	})
}

// prose writes paragraphs. Lines that are indented stay as they are.
func prose(b *strings.Builder, text string) {
	for paragraph := range strings.SplitSeq(strings.TrimSpace(text), "\n\n") {
		b.WriteString(".PP\n")
		shown := false
		for l := range strings.SplitSeq(paragraph, "\n") {
			if indented := strings.HasPrefix(l, " "); indented != shown {
				b.WriteString(map[bool]string{true: ".RS\n.nf\n", false: ".fi\n.RE\n"}[indented])
				shown = indented
			}
			b.WriteString(line(l) + "\n")
		}
		if shown {
			b.WriteString(".fi\n.RE\n")
		}
	}
}

// literal writes lines as they are.
func literal(b *strings.Builder, text string) {
	b.WriteString(".nf\n")
	for l := range strings.SplitSeq(text, "\n") {
		b.WriteString(line(strings.TrimSpace(l)) + "\n")
	}
	b.WriteString(".fi\n")
}

// line is a line of text that is no request of roff, whatever it begins with.
func line(text string) string {
	text = roff(strings.TrimLeft(text, " "))
	if strings.HasPrefix(text, ".") || strings.HasPrefix(text, "'") {
		return `\&` + text
	}
	return text
}

// roff has each character stand for itself.
func roff(text string) string {
	return strings.NewReplacer(`\`, `\e`, "-", `\-`, "'", `\(aq`, "`", `\(ga`, "^", `\(ha`, "~", `\(ti`, "\n", " ").Replace(text)
}
