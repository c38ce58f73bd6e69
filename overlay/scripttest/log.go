package scripttest

import (
	"fmt"
	"strings"
	"time"
)

// Log takes down what happens while a script is played.
type Log struct {
	text  strings.Builder // the script, with what happens
	now   func() time.Time
	began time.Time // when the command did
	quiet bool
}

// Say adds a line about what happens.
func (l *Log) Say(format string, args ...any) {
	if !l.quiet {
		l.text.WriteString(indent + strings.TrimRight(fmt.Sprintf(format, args...), " ") + "\n")
	}
}

// Happens adds a line about what happens now, which begins with the time since the command
// began, in milliseconds.
func (l *Log) Happens(format string, args ...any) {
	if l.quiet {
		return
	}
	since := l.now().Sub(l.began).Round(time.Millisecond)
	at := since.String()
	if since >= time.Minute {
		at = fmt.Sprintf("%.3fs", since.Seconds())
	}
	l.Say("%-7s %s", at, fmt.Sprintf(format, args...))
}

// Quietly does something of which nothing is taken down.
func (l *Log) Quietly(do func()) {
	l.quiet = true
	defer func() { l.quiet = false }()
	do()
}
