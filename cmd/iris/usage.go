package main

import (
	"flag"
	"fmt"
	"strings"
	"text/tabwriter"
)

// usage is the help text of a command.
func usage(c *command) string {
	var b strings.Builder
	fmt.Fprintf(&b, "Usage:\n  %s\n\n%s\n", c.ShortUsage, strings.TrimSpace(c.LongHelp))
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	if len(c.Subcommands) > 0 {
		fmt.Fprintf(w, "\nCommands (each has its own -h):\n")
		for _, sub := range c.Subcommands {
			fmt.Fprintf(w, "  %s\t%s\n", sub.Name, sub.ShortHelp)
		}
	}
	fmt.Fprintf(w, "\nFlags (each may be given as an environment variable instead):\n")
	c.FlagSet.VisitAll(func(f *flag.Flag) {
		name, text := flag.UnquoteUsage(f)
		if name != "" {
			name = " " + name
		}
		if f.DefValue != "" && f.DefValue != "false" {
			text += fmt.Sprintf(" (default %s)", f.DefValue)
		}
		fmt.Fprintf(w, "  -%s%s\t%s\t%s\n", f.Name, name, variable(f.Name), text)
	})
	w.Flush()
	return b.String()
}
