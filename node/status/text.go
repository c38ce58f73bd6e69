package status

import (
	"strconv"
	"strings"
)

// Text returns raw bytes as text that is valid UTF-8 and prints on one line: what is no
// printable character is escaped as in Go, \n or \x1b, and a backslash is doubled, so that no
// two names look the same by that.
func Text(raw string) string {
	quoted := strconv.Quote(raw)
	return strings.ReplaceAll(quoted[1:len(quoted)-1], `\"`, `"`)
}
