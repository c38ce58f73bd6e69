package main

import (
	"fmt"
	"os"
	"strings"
)

// The names of the marks in a Markdown file between which tables are.
const (
	loadMarks = "compare"
	restMarks = "network"
)

// marks returns the lines between which a text is.
func marks(name string) (begin, end string) {
	return "<!-- " + name + ": begin -->\n", "<!-- " + name + ": end -->\n"
}

// replace puts a text between the marks of a file that have a name.
func replace(file, name, text string) error {
	beginMark, endMark := marks(name)
	page, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	before, rest, found := strings.Cut(string(page), beginMark)
	_, after, ended := strings.Cut(rest, endMark)
	if !found || !ended {
		return fmt.Errorf("%s lacks a line %q, or %q behind it", file, strings.TrimSpace(beginMark), strings.TrimSpace(endMark))
	}
	return os.WriteFile(file, []byte(before+beginMark+"\n"+text+"\n"+endMark+after), 0o644)
}
