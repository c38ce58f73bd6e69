//go:build unix

package discovery

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

func TestCommandsNameNodes(t *testing.T) {
	for _, row := range []struct{ line, want, wrong string }{
		{line: "echo 10.0.0.1 10.0.0.2:7,quic://10.0.0.3:8; echo host; echo '[::1]'", want: "10.0.0.1:14142 10.0.0.2:7 quic://10.0.0.3:8 host:14142 [::1]:14142"},
		{line: "echo 2001:db8::1", want: "[2001:db8::1]:14142"},
		{line: "true"},
		{line: "echo it hurts >&2; exit 3", wrong: "it hurts"},
		{line: "no-such-command-anywhere", wrong: "exit status 127"},
		{line: "head -c 100000 /dev/zero", wrong: "prints too much"},
		{line: "printf '%513s' x | tr ' ' y"},
		{line: "printf '%512s' x | tr ' ' y", want: strings.Repeat("y", 511) + "x:14142"},
		{line: "echo first >&2; echo second >&2; exit 1", wrong: `exit status 1: "first"`},
	} {
		addrs, err := (&Command{Line: row.line}).run(t.Context(), time.Minute)
		switch {
		case row.wrong == "" && err != nil, row.wrong != "" && (err == nil || !strings.Contains(err.Error(), row.wrong)):
			t.Errorf("%s: %v, want %q", row.line, err, row.wrong)
		case strings.Join(addrs, " ") != row.want:
			t.Errorf("%s: got %v, want %s", row.line, addrs, row.want)
		}
	}
}

// A command is run again and again, and its hints say which it was.
func TestACommandIsRunAgain(t *testing.T) {
	before := commandPause
	commandPause = pause{alone: time.Millisecond, together: time.Millisecond}
	t.Cleanup(func() { commandPause = before })
	f := &Finder{hints: make(chan Hint, maxHints)}
	ctx, cancel := context.WithCancel(t.Context())
	over := make(chan struct{})
	go func() {
		defer close(over)
		(&Command{Line: "echo host:1 # secret"}).Run(ctx, site{f, newNetwork(nil)})
	}()
	for range 2 {
		if got, want := <-f.hints, (Hint{Addr: "host:1", How: "exec:echo"}); got != want {
			t.Errorf("hint %+v, want %+v", got, want)
		}
	}
	cancel()
	<-over
}

// One that leaves something behind, which holds its output, has named nodes all the same;
// one that has failed has not.
func TestACommandThatLeavesSomethingBehind(t *testing.T) {
	end := filepath.Join(t.TempDir(), "end")
	if err := syscall.Mkfifo(end, 0o600); err != nil {
		t.Fatal(err)
	}
	leave := "(read x < " + end + ") & echo host:1"
	if addrs, err := (&Command{Line: leave}).run(t.Context(), time.Minute); err != nil || !slices.Equal(addrs, []string{"host:1"}) {
		t.Errorf("got %v, %v", addrs, err)
	}
	if addrs, err := (&Command{Line: leave + "; exit 3"}).run(t.Context(), time.Minute); err == nil || !strings.Contains(err.Error(), "exit status 3") {
		t.Errorf("one that fails: got %v, %v", addrs, err)
	}
	file, err := os.OpenFile(end, os.O_WRONLY, 0) // ends what is left
	if err != nil {
		t.Fatal(err)
	}
	file.Close()
}

// Of what is printed no more is kept than may be.
func TestOutputIsBounded(t *testing.T) {
	c := &capped{limit: 10}
	for n, row := range []struct {
		text, kept string
		over       bool
	}{{"12345", "12345", false}, {"67890", "1234567890", false}, {"x", "1234567890", true}} {
		if k, err := c.Write([]byte(row.text)); k != len(row.text) || err != nil || c.text.String() != row.kept || c.over != row.over {
			t.Errorf("write %d: %d, %v; kept %q, over %v", n, k, err, c.text.String(), c.over)
		}
	}
}

// A command that hangs is killed with all that it has started.
func TestACommandThatHangs(t *testing.T) {
	held := filepath.Join(t.TempDir(), "held")
	if err := syscall.Mkfifo(held, 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	over := make(chan error)
	go func() {
		_, err := (&Command{Line: "sleep 600 > " + held + " & sleep 600"}).run(ctx, time.Minute)
		over <- err
	}()
	file, err := os.Open(held) // when the first of them has it open
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	cancel()
	if err := <-over; err == nil || !strings.Contains(err.Error(), "has not ended") {
		t.Errorf("got %v", err)
	}
	if err := file.SetReadDeadline(time.Now().Add(30 * time.Second)); err != nil {
		t.Fatal(err)
	}
	if _, err := file.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
		t.Errorf("what it has started is still there: %v", err)
	}
}

// It has its limit, too.
func TestACommandThatTakesTooLong(t *testing.T) {
	_, err := (&Command{Line: "sleep 600"}).run(t.Context(), 10*time.Millisecond)
	if err == nil || !strings.Contains(err.Error(), "not ended in 10ms") {
		t.Errorf("got %v", err)
	}
}

func TestTheNameOfACommandTellsNoSecrets(t *testing.T) {
	for line, want := range map[string]string{
		" lookup --password=secret y":       "exec:lookup",
		"lookup":                            "exec:lookup",
		"/usr/bin/look-up.2 secret":         "exec:/usr/bin/look-up.2",
		"A=secret lookup":                   "exec:lookup",
		"A=secret B=  C=secret\tlookup now": "exec:lookup",
		"A='secret secret' lookup":          "exec:COMMAND",
		`A=secret\ secret lookup`:           "exec:COMMAND",
		`A="a secret" lookup`:               "exec:COMMAND",
		"A=$(cat secret) lookup":            "exec:COMMAND",
		"A=se'cret secret' lookup":          "exec:COMMAND",
		"A=secret;lookup":                   "exec:COMMAND",
		"A=secret; lookup":                  "exec:COMMAND",
		"A=secret\nlookup":                  "exec:COMMAND",
		"A=secret":                          "exec:COMMAND",
		"A+=secret lookup":                  "exec:COMMAND",
		"A[0]=secret lookup":                "exec:COMMAND",
		"(A=secret lookup)":                 "exec:COMMAND",
		">secret lookup":                    "exec:COMMAND",
		"lookup<secret":                     "exec:COMMAND",
	} {
		if name := (&Command{Line: line}).Name(); name != want {
			t.Errorf("%q is called %q, want %q", line, name, want)
		}
	}
}
