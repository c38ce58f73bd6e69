package main

import (
	"fmt"
	"os"
	"strings"
)

// The marks in a Markdown file between which the tables are.
const (
	beginMark = "<!-- compare: begin -->\n"
	endMark   = "<!-- compare: end -->\n"
)

// replace puts a text between the marks of a file.
func replace(file, text string) error {
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
