package discovery

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os/exec"
	"regexp"
	"strings"
	"time"
)

const (
	// commandTimeout is how long a command may run.
	commandTimeout = 10 * time.Second
	// commandOutput and commandErrors bound what is read of its output, in bytes.
	commandOutput = 64 << 10
	commandErrors = 256
	// leftBehind is how long what the command leaves behind may keep its output open.
	leftBehind = time.Second
	// maxAddress is the longest address, in bytes. Longer words are none.
	maxAddress = 512
)

// commandPause is between two runs. Commands ask the services of clouds, which count the
// calls.
var commandPause = pause{alone: 10 * time.Second, together: 5 * time.Minute}

var errOutput = errors.New("it prints too much")

// Command hints at the addresses that a command prints: HOST, HOST:PORT or
// SCHEME://HOST:PORT, with white space or commas between them. It is run by the shell, as
// the user of the node, and again and again: every ten seconds while the node is alone,
// every five minutes otherwise, give or take half. It may take ten seconds and print
// 64 KiB. What counts is the end of the command itself: processes that it leaves behind and
// that keep its output open are waited for a second, and then not read any more.
type Command struct {
	Line string
	// Logger gets what operators need to know. Default: nothing is logged.
	Logger *slog.Logger
}

// program is the beginning of a command that is nothing but assignments and the name of a
// program, none of which is quoted or made by the shell.
var program = regexp.MustCompile(`^(?:[A-Za-z_]\w*=[\w./,:@%+-]*[ \t]+)*([\w./@%+-]+)(?:\s|$)`)

// Name is "exec:" and the program of the command: arguments may be secrets, and so may what
// is assigned in front of it. It is "exec:COMMAND" where the line begins with anything else,
// as quotes may hide where an assignment ends.
func (c *Command) Name() string {
	if found := program.FindStringSubmatch(strings.TrimSpace(c.Line)); found != nil {
		return "exec:" + found[1]
	}
	return "exec:COMMAND"
}

// Run implements [Source].
func (c *Command) Run(ctx context.Context, site Site) {
	complaint := complaint{log: c.Logger, what: "command does not name nodes", how: c.Name()}
	for {
		addrs, err := c.run(ctx, commandTimeout)
		if ctx.Err() == nil {
			complaint.say(err)
		}
		hint(site, c.Name(), addrs)
		if !commandPause.wait(ctx, site) {
			return
		}
	}
}

// run runs the command once.
func (c *Command) run(ctx context.Context, limit time.Duration) ([]string, error) {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	out, said := &capped{limit: commandOutput}, &capped{limit: commandErrors}
	command := shell(ctx, c.Line)
	command.Stdout, command.Stderr = out, said
	command.WaitDelay = leftBehind
	err := command.Run()
	switch {
	case ctx.Err() != nil:
		return nil, fmt.Errorf("it has not ended in %v", limit)
	case err != nil && !errors.Is(err, exec.ErrWaitDelay): // which the command is not to blame for
		return nil, fmt.Errorf("%w: %q", err, firstLine(said.text.Bytes()))
	case out.over:
		return nil, errOutput
	}
	return addresses(out.text.String()), nil
}

// addresses returns the words that can be addresses.
func addresses(text string) []string {
	var all []string
	for word := range strings.FieldsFuncSeq(text, func(r rune) bool { return r == ',' || r <= ' ' }) {
		if len(word) <= maxAddress {
			all = append(all, withPort(word))
		}
	}
	return all
}

func firstLine(b []byte) []byte {
	line, _, _ := bytes.Cut(bytes.TrimSpace(b), []byte("\n"))
	return line
}

// capped keeps the beginning of what is written to it.
type capped struct {
	text  bytes.Buffer // not embedded: its ReadFrom would know no limit
	limit int
	over  bool // there was more
}

// Write never fails: a command whose output is not read to its end would wait for ever.
func (c *capped) Write(b []byte) (int, error) {
	n := len(b)
	if room := c.limit - c.text.Len(); n > room {
		b, c.over = b[:room], true
	}
	c.text.Write(b)
	return n, nil
}
