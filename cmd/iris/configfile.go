package main

import (
	"bufio"
	"bytes"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// The file that -config names has a line for each flag, as
//
//	NAME = VALUE
//
// where NAME is that of the flag without its dash, and VALUE what it is on the command line.
// Spaces around both do not matter. A line that is empty or begins with # says nothing. A
// flag that can be given more than once can have more than one line.
//
// So a flag has one name and one way to be written, wherever it is given. A format with
// types, as TOML has them, would want quotes around a duration and brackets around a list,
// and would be a second way to write each.

// flagConfig is the flag that names the file; the file itself cannot have it.
const flagConfig = "config"

// maxConfig is how long a configuration may be, in bytes.
const maxConfig = 1 << 20

// A configFile is what a file says to a command.
type configFile struct {
	path string
	set  []fromLine // the flags that it has set
}

// fromLine is a flag that a line has set.
type fromLine struct {
	flag string
	line int
}

// An assignment is a line that has something.
type assignment struct {
	line        int
	name, value string
}

// read sets the flags that neither command line nor environment have set. Those that own
// names are not for the file. The error has a line for each wrong line of the file.
func (c *configFile) read(path string, flags *flag.FlagSet, own []string) error {
	c.path = path
	text, err := readConfig(path)
	if err != nil {
		return err
	}
	given := map[string]bool{}
	flags.Visit(func(f *flag.Flag) { given[f.Name] = true })
	lines, err := parseConfig(path, text)
	wrong := []error{err}
	for _, a := range lines {
		wrong = append(wrong, c.assign(flags, own, given, a))
	}
	if err := errors.Join(wrong...); err != nil {
		return &usageError{err.Error()}
	}
	return nil
}

// readConfig reads the file.
func readConfig(path string) ([]byte, error) {
	file, err := os.Open(path)
	if err == nil {
		defer file.Close()
		var text []byte
		if text, err = io.ReadAll(io.LimitReader(file, maxConfig+1)); err == nil && len(text) <= maxConfig {
			return text, nil
		}
	}
	if err == nil {
		return nil, usagef("the configuration %s has more than %d bytes", path, maxConfig)
	}
	if system, ok := errors.AsType[*fs.PathError](err); ok {
		err = system.Err
	}
	return nil, usagef("the configuration %s cannot be read (%v): check the path that -config has, and its permissions", path, err)
}

// parseConfig returns the lines that have something, and what is wrong with others.
func parseConfig(path string, text []byte) ([]assignment, error) {
	var all []assignment
	var wrong []error
	text = bytes.TrimPrefix(text, []byte("\ufeff")) // as editors of Windows write it
	scanner := bufio.NewScanner(bytes.NewReader(text))
	scanner.Buffer(nil, maxConfig+1)
	for n := 1; scanner.Scan(); n++ {
		line := strings.TrimSpace(scanner.Text())
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		name, value, ok := strings.Cut(line, "=")
		name, value = strings.TrimSpace(name), strings.TrimSpace(value)
		switch {
		case strings.HasPrefix(line, "[") && strings.HasSuffix(line, "]"):
			wrong = append(wrong, fmt.Errorf("%s:%d: there are no sections: write NAME = VALUE", path, n))
		case !ok || name == "":
			wrong = append(wrong, fmt.Errorf("%s:%d: %s is not NAME = VALUE", path, n, quoted(line)))
		case value == "":
			wrong = append(wrong, fmt.Errorf("%s:%d: %s has no value: leave the line out for the default", path, n, quoted(name)))
		case isQuoted(value):
			wrong = append(wrong, fmt.Errorf("%s:%d: the value of %s is in quotes: write it without, spaces and all", path, n, quoted(name)))
		default:
			all = append(all, assignment{n, name, value})
		}
	}
	return all, errors.Join(wrong...)
}

// isQuoted reports whether a value is written as other formats have texts.
func isQuoted(value string) bool {
	last := len(value) - 1
	return last > 0 && (value[0] == '"' || value[0] == '\'') && value[last] == value[0]
}

// assign sets a flag by a line, unless it has been given elsewhere.
func (c *configFile) assign(flags *flag.FlagSet, own []string, given map[string]bool, a assignment) error {
	f := flags.Lookup(a.name)
	switch {
	case a.name == flagConfig:
		return fmt.Errorf("%s:%d: a configuration cannot name another one", c.path, a.line)
	case f == nil || slices.Contains(own, a.name):
		return c.unknown(flags, own, a)
	case !isList(f.Value) && c.line(a.name) > 0:
		return fmt.Errorf("%s:%d: %s is in line %d already", c.path, a.line, a.name, c.line(a.name))
	}
	c.set = append(c.set, fromLine{a.name, a.line})
	if given[a.name] {
		// What is not used has to be right too, or it is found out when the flag is left away.
		return c.check(a)
	}
	return c.explain(a, flags.Set(a.name, a.value))
}

// check says what is wrong with a line that is not used.
func (c *configFile) check(a assignment) error {
	var scratch nodeFlags
	flags := flag.NewFlagSet("", flag.ContinueOnError)
	scratch.register(flags)
	return c.explain(a, (&setting{flags.Lookup(a.name).Value}).Set(a.value))
}

// explain says where an error is from.
func (c *configFile) explain(a assignment, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s:%d: %s is no value for %s: %w", c.path, a.line, quoted(a.value), a.name, err)
}

// unknown says that no flag has the name of a line.
func (c *configFile) unknown(flags *flag.FlagSet, own []string, a assignment) error {
	var names []string
	flags.VisitAll(func(f *flag.Flag) {
		if f.Name != flagConfig && !slices.Contains(own, f.Name) {
			names = append(names, f.Name)
		}
	})
	bare := strings.TrimLeft(a.name, "-")
	advice := "see iris check -sample for all there are"
	if near := nearest(strings.ToLower(strings.ReplaceAll(bare, "_", "-")), names); near != "" {
		advice = "did you mean " + near + "?"
	}
	return fmt.Errorf("%s:%d: there is no setting %s; %s", c.path, a.line, quoted(a.name), advice)
}

// line returns the line that has set a flag first, 0 for none.
func (c *configFile) line(name string) int {
	for _, s := range c.set {
		if s.flag == name {
			return s.line
		}
	}
	return 0
}

// where returns the place that has set a flag, as FILE:LINE.
func (c *configFile) where(name string) string {
	return fmt.Sprintf("%s:%d", filepath.Base(c.path), c.line(name))
}

// blame returns the lines that have set the flags which a text names.
func (c *configFile) blame(text string, origin func(string) string) []string {
	words := flagsIn(text)
	var lines []string
	for _, s := range c.set {
		if slices.Contains(words, "-"+s.flag) && origin(s.flag) == c.where(s.flag) {
			lines = append(lines, fmt.Sprintf("-%s comes from the configuration: %s:%d", s.flag, c.path, s.line))
		}
	}
	return lines
}

// isList reports whether a flag can be given more than once.
func isList(v flag.Value) bool {
	if s, ok := v.(*setting); ok {
		v = s.Value
	}
	switch v.(type) {
	case *list, *ways:
		return true
	}
	return false
}
