package main

import (
	"context"
	"flag"
	"fmt"
	"strings"
	"text/tabwriter"

	"github.com/project-iris/iris/cmd/internal/terminal"
	"github.com/project-iris/iris/node"
)

func (p *program) membersCommand() *command {
	var ask askFlags
	var raw bool
	fs := flag.NewFlagSet("members", flag.ContinueOnError)
	ask.register(fs)
	fs.BoolVar(&raw, "json", false, "print what the node says as it is, in JSON")
	return &command{
		Name:       "members",
		ShortUsage: "iris members [flags]",
		ShortHelp:  "print the nodes of the network, and how they were found",
		LongHelp: `
Prints the nodes of the network as the node of this host sees them. Of each node: the beginning of its id; how it was found (join,
beacon, scan, dns:NAME, exec:COMMAND, remembered; "members" if another node told of it,
"itself" if it has dialled this node); the transport of the link to it, and where that
leads; and the addresses that the node has for others, of many the best ones, of which
-json has all. With -json there is also the version of the protocol that is spoken on the
link: while nodes are upgraded one after the other, the lowest tells which are still to
come.`,
		FlagSet: fs,
		Exec: func(ctx context.Context, args []string) error {
			if len(args) > 0 {
				return usagef("iris members wants no arguments, got %d", len(args))
			}
			ctx, stop := p.interruptible(ctx)
			defer stop()
			body, err := ask.get(ctx, "/members")
			if err != nil {
				return err
			}
			if raw {
				_, err := p.out.Write(body)
				return err
			}
			return p.printMembers(body)
		},
	}
}

// printMembers prints a table of what the node has said.
func (p *program) printMembers(body []byte) error {
	var m node.Members
	if err := decode(body, &m); err != nil {
		return err
	}
	w := tabwriter.NewWriter(p.out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "ID\tFOUND\tTRANSPORT\tLINK\tADDRESSES")
	m.Self.Found = "this node"
	for _, member := range append([]node.Member{m.Self}, m.Members...) {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", member.ID.Short(), plain(member.Found), orDash(member.Transport),
			orDash(member.Link), plain(addresses(member.Addresses)))
	}
	return w.Flush()
}

// maxPrinted is how many addresses of a node the table has.
const maxPrinted = 6

// addresses returns the first addresses of a node, and how many more there are.
func addresses(all []string) string {
	if more := len(all) - maxPrinted; more > 0 {
		return fmt.Sprintf("%s and %d more", strings.Join(all[:maxPrinted], " "), more)
	}
	return strings.Join(all, " ")
}

func orDash(s string) string {
	if s == "" {
		return "-"
	}
	return plain(s)
}

// plain makes text that others have chosen harmless for a cell of a table: it stays on its line.
func plain(s string) string {
	return onOneLine.Replace(string(terminal.Harmless([]byte(s))))
}

var onOneLine = strings.NewReplacer("\n", `\x0a`, "\t", `\x09`)
