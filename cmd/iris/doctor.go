package main

import (
	"context"
	"flag"
	"fmt"
	"strings"

	"github.com/project-iris/iris/node/status"
)

func (p *program) doctorCommand() *command {
	var ask askFlags
	var raw, verbose bool
	fs := flag.NewFlagSet("doctor", flag.ContinueOnError)
	ask.register(fs)
	fs.BoolVar(&raw, "json", false, "print all findings in JSON, those that are good included")
	fs.BoolVar(&verbose, "v", false, "print what is good too")
	return &command{
		Name:       "doctor",
		ShortUsage: "iris doctor [flags]",
		ShortHelp:  "look for what is known to go wrong with hosts and networks, and say what to do",
		LongHelp: `
Has all nodes look at what they need, and prints what is not as it should be, with what to
do about it: whether the files of the keys can be read, and by whom; descriptors; buffers
of sockets; whether each node reaches the port of each other one by TCP; whether UDP is
blocked, or large packets vanish; clocks; whether ids are taken twice; whether multicast is
heard; and who does not answer. To reach others takes each node a second at most. It goes
by the socket alone.

The exit code is 1 when something was found.

  iris doctor
  iris doctor -json | jq '.[] | select(.good | not)'`,
		FlagSet: fs,
		Exec: func(ctx context.Context, args []string) error {
			switch {
			case len(args) > 0:
				return usagef("iris doctor wants no arguments, got %d", len(args))
			case ask.addr != "":
				return usagef("iris doctor goes by the socket of the node: leave -http out")
			}
			ctx, stop := p.interruptible(ctx)
			defer stop()
			var all status.Network
			if err := ask.read(ctx, "/v1/doctor", &all); err != nil {
				return err
			}
			found := all.Examine()
			if !raw {
				return p.sayFindings(found, len(all.Nodes), verbose)
			}
			if err := p.sayJSON(found); err != nil {
				return err
			}
			return notWell(found)
		},
	}
}

// sayFindings prints what was found.
func (p *program) sayFindings(found []status.Finding, nodes int, verbose bool) error {
	for _, f := range found {
		mark := "good"
		if !f.Good {
			mark = "BAD "
		}
		if f.Good && !verbose {
			continue
		}
		p.wrapped(fmt.Sprintf("%s  %s  %s: ", mark, f.Node, f.Check), "      ", f.What)
		if f.Do != "" {
			p.wrapped("      → ", "        ", f.Do)
		}
	}
	if err := notWell(found); err != nil {
		return err
	}
	fmt.Fprintf(p.out, "All is well: %d checks of %d nodes.\n", len(found), nodes)
	return nil
}

// notWell says that something was found.
func notWell(found []status.Finding) error {
	bad := 0
	for _, f := range found {
		if !f.Good {
			bad++
		}
	}
	if bad > 0 {
		return errNotWell{bad}
	}
	return nil
}

// wrapped prints text after a head, in lines of 80 columns where words allow it.
func (p *program) wrapped(head, indent, text string) {
	const columns = 80
	line, begun := head, true
	for word := range strings.FieldsSeq(plain(text)) {
		if !begun && len([]rune(line))+1+len([]rune(word)) > columns {
			fmt.Fprintln(p.out, line)
			line, begun = indent, true
		}
		if !begun {
			line += " "
		}
		line += word
		begun = false
	}
	fmt.Fprintln(p.out, line)
}
