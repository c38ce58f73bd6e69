package main

import (
	"context"
	"flag"
	"fmt"

	"github.com/project-iris/iris/node"
)

func (p *program) versionCommand() *command {
	var raw bool
	fs := flag.NewFlagSet("version", flag.ContinueOnError)
	fs.BoolVar(&raw, "json", false, "print it in JSON")
	return &command{
		Name:       "version",
		ShortUsage: "iris version [-json]",
		ShortHelp:  "print which version of iris this is",
		LongHelp: `
Prints the version of this program, the commit that it was built from and when that was
made, with what and for what it was built, and which versions of the protocol between nodes
it speaks: nodes that have one in common can be in one network.`,
		FlagSet: fs,
		Exec: func(_ context.Context, args []string) error {
			if len(args) > 0 {
				return usagef("iris version wants no arguments, got %d", len(args))
			}
			b := node.ThisBuild()
			if raw {
				return p.sayJSON(b)
			}
			return p.sayBuild(b)
		},
	}
}

// sayBuild prints what this program is, in one line for each thing that is known.
func (p *program) sayBuild(b node.Build) error {
	text := fmt.Sprintf("iris %s\n", b.Version)
	if b.Revision != "" {
		text += fmt.Sprintf("commit %s, %s", b.Revision, b.Time)
		if b.Modified {
			text += ", and changes beside it"
		}
		text += "\n"
	}
	text += fmt.Sprintf("built with %s for %s/%s\n", b.Go, b.OS, b.Arch)
	text += fmt.Sprintf("protocol between nodes: versions %d to %d\n", b.Protocol.Oldest, b.Protocol.Newest)
	_, err := fmt.Fprint(p.out, text)
	return err
}
