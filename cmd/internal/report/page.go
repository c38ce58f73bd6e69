package report

import (
	"fmt"
	"os"
	"strings"
)

// marks returns the lines between which a text is.
func marks(name string) (begin, end string) {
	return "<!-- " + name + ": begin -->\n", "<!-- " + name + ": end -->\n"
}

// Replace puts a text between the marks of a file that have a name: <!-- NAME: begin --> and
// <!-- NAME: end -->, each a line of its own.
func Replace(file, name, text string) error {
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
