package main

import (
	"flag"
	"fmt"
	"io"
	"strings"
)

// A chapter is a part of the sample of a configuration.
type chapter struct {
	title string
	flags []string
}

// chapters has each flag of a node once.
var chapters = []chapter{
	{"The network, and the key that makes a node a member of it", []string{"net", "rsa", "accept", "dev"}},
	{"How other nodes are found and reached", []string{
		"bind", "transport", "join", "discover", "state", "link-idle", "max-links", "plugins", "plugin-opt", "plugin-sha256",
	}},
	{"Applications of this host", []string{
		"port", "socket", "socket-mode", "socket-group", "policy", "audit", "memory", "max-message",
		"queue", "stall", "drain",
	}},
	{"To look after the node", []string{"control", "http", "http-host", "log-level", "log-format", "cpuprof", "heapprof", "blockprof"}},
}

const sampleHead = `# Settings of an iris node: iris -config FILE reads them, iris check -config FILE says whether
# they are right, and where each comes from.
#
# A line is NAME = VALUE, where NAME is a flag of iris without its dash. Take the # away in
# front of what you set; what stands there is the default, or in capitals what is wanted. There
# are no quotes. What may be given more than once can have a line for each value, or commas.
# The command line wins over the environment (log-level is IRIS_LOG_LEVEL), and the environment
# over this file. Paths begin where the node is started.
#
# Settings with "(reload)" take effect when the node gets SIGHUP, all of them or none: it says
# in its log which. The others need a restart.
`

// sampleWidth is how long lines of the sample are at most, in bytes, if words allow.
const sampleWidth = 96

// writeSample writes a configuration in which all is explained and nothing is set.
func writeSample(w io.Writer) error {
	var f nodeFlags
	flags := flag.NewFlagSet("iris", flag.ContinueOnError)
	f.register(flags)
	var b strings.Builder
	b.WriteString(sampleHead)
	for _, c := range chapters {
		fmt.Fprintf(&b, "\n## %s\n", c.title)
		for _, name := range c.flags {
			sampleFlag(&b, flags.Lookup(name))
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// sampleFlag writes what a flag is for, and its line.
func sampleFlag(b *strings.Builder, f *flag.Flag) {
	what, text := flag.UnquoteUsage(f)
	value := f.DefValue
	switch {
	case isBool(f.Value):
		value = "no"
	case value == "":
		value = strings.ToUpper(what)
	}
	if isReloaded(f.Name) {
		text += " (reload)"
	}
	b.WriteString("\n")
	line := "#"
	for word := range strings.FieldsSeq(text) {
		if len(line)+1+len(word) > sampleWidth {
			b.WriteString(line + "\n")
			line = "#"
		}
		line += " " + word
	}
	fmt.Fprintf(b, "%s\n#%s = %s\n", line, f.Name, value)
}
