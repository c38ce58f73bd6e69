package main

import (
	"flag"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
)

// envPrefix starts the name of the environment variable of every flag: -log-level
// is IRIS_LOG_LEVEL. A flag on the command line wins.
const envPrefix = "IRIS_"

// maxUnknown is how many variables are named that no flag has.
const maxUnknown = 5

// variable returns the name of a flag's environment variable.
func variable(name string) string {
	return envPrefix + strings.ToUpper(strings.ReplaceAll(name, "-", "_"))
}

// An environment is what the variables say to a command.
type environment struct {
	set   []fromVariable // the flags that variables have set
	notes []note
}

// fromVariable is a flag that a variable has set.
type fromVariable struct{ flag, variable, value string }

// A note says that a variable is not used. The value is empty if it may be a secret.
type note struct{ variable, value, why string }

func (n note) String() string {
	if n.value != "" {
		return fmt.Sprintf("%s=%s is not used: %s", n.variable, quoted(n.value), n.why)
	}
	return fmt.Sprintf("%s is not used: %s", n.variable, n.why)
}

// attrs are the note as keys and values of a log.
func (n note) attrs() []any {
	attrs := []any{"variable", n.variable, "why", n.why}
	if n.value != "" {
		attrs = append(attrs, "value", quoted(n.value))
	}
	return attrs
}

// read sets the flags that the command line has not set, and notes which variables are
// not used. Of these there are known, which belong to this command or another.
func (e *environment) read(fs *flag.FlagSet, known []string) error {
	given := map[string]bool{}
	fs.Visit(func(f *flag.Flag) { given[f.Name] = true })
	var wrong error
	fs.VisitAll(func(f *flag.Flag) {
		if wrong == nil && !given[f.Name] {
			wrong = e.setFlag(fs, f)
		}
	})
	e.noteUnknown(known)
	return wrong
}

// setFlag sets a flag if it has a variable that is not empty.
func (e *environment) setFlag(fs *flag.FlagSet, f *flag.Flag) error {
	name := variable(f.Name)
	value := os.Getenv(name)
	switch {
	case strings.TrimSpace(value) == "":
		return nil
	case isServiceLink(name, value):
		e.notes = append(e.notes, note{name, value, "Kubernetes and Docker set it so beside a service named iris; give -" + f.Name +
			", or in Kubernetes enableServiceLinks: false"})
		return nil
	}
	if err := fs.Set(f.Name, value); err != nil {
		return usagef("%s=%s is no value for -%s: %v", name, quoted(value), f.Name, err)
	}
	e.set = append(e.set, fromVariable{f.Name, name, value})
	return nil
}

// noteUnknown notes the first variables that no flag has.
func (e *environment) noteUnknown(known []string) {
	var unknown []string
	for _, pair := range os.Environ() {
		name, value, _ := strings.Cut(pair, "=")
		if strings.HasPrefix(name, envPrefix) && !slices.Contains(known, name) && !isServiceLink(name, value) {
			unknown = append(unknown, name)
		}
	}
	slices.Sort(unknown)
	for i, name := range unknown {
		why := "no flag has this variable"
		if i == maxUnknown {
			e.notes = append(e.notes, note{name, "", fmt.Sprintf("%s, nor %d more that begin with %s", why, len(unknown)-i-1, envPrefix)})
			return
		}
		e.notes = append(e.notes, note{name, "", why + advice(name, known)})
	}
}

// advice names the variable that was meant, if one is near.
func advice(name string, known []string) string {
	var rests []string
	for _, k := range known {
		rests = append(rests, strings.TrimPrefix(k, envPrefix))
	}
	if near := nearest(strings.TrimPrefix(name, envPrefix), rests); near != "" {
		return "; did you mean " + envPrefix + near + "?"
	}
	return ""
}

// discoverFlag may have a command with secrets: its value is not shown.
const discoverFlag = "discover"

// blame returns the variables that have set the flags which a text names.
func (e *environment) blame(text string) []string {
	words := flagsIn(text)
	var lines []string
	for _, s := range e.set {
		if slices.Contains(words, "-"+s.flag) {
			line := fmt.Sprintf("-%s comes from the environment: %s", s.flag, s.variable)
			if s.flag != discoverFlag {
				line += "=" + quoted(s.value)
			}
			lines = append(lines, line)
		}
	}
	return lines
}

// flagsIn returns the words of a text that may be flags.
func flagsIn(text string) []string {
	return strings.FieldsFunc(text, func(r rune) bool {
		return r != '-' && (r < 'a' || r > 'z') && (r < '0' || r > '9')
	})
}

// Variables that a container gets for each service that runs beside it: by Kubernetes
// (documentation of Service, "Environment variables") and by links of Docker, for a service
// named iris or iris-something.
var (
	linkAddresses = regexp.MustCompile(`^IRIS(_\w+)?_PORT(_\d+_(TCP|UDP|SCTP))?$`)
	linkAddress   = regexp.MustCompile(`^(tcp|udp|sctp)://\S+:\d+$`)
	linkParts     = regexp.MustCompile(`^IRIS(_\w+)?(_SERVICE_HOST|_SERVICE_PORT(_\w+)?|_PORT_\d+_(TCP|UDP|SCTP)_(ADDR|PORT|PROTO)|_ENV_\w+)$`)
)

// isServiceLink reports whether a variable is one of those. What is meant for iris can
// look alike: IRIS_PORT is a number then, and IRIS_JOIN may be tcp://HOST:PORT.
func isServiceLink(name, value string) bool {
	return linkParts.MatchString(name) ||
		linkAddresses.MatchString(name) && linkAddress.MatchString(strings.TrimSpace(value)) ||
		strings.HasSuffix(name, "_NAME") && strings.HasPrefix(value, "/") // Docker: /CONTAINER/ALIAS
}
