package main

import (
	"context"
	"os"
	"strings"
	"testing"
)

// What goes into a table is escaped as other text is, and stays in its cell.
func TestPlainStaysInItsCell(t *testing.T) {
	for text, want := range map[string]string{
		"name":                     "name",
		"Grüße":                    "Grüße",
		"a\nb\tc\x1b[2J\x7f":       `a\x0ab\x09c\x1b[2J\x7f`,
		"\u202egnp.exe \u009b\xff": `\u202egnp.exe \u009b\xff`,
	} {
		if got := plain(text); got != want {
			t.Errorf("%q is shown as %q, want %q", text, got, want)
		}
	}
}

// onTerminal starts a command whose output somebody watches.
func onTerminal(t *testing.T, args ...string) *running {
	t.Helper()
	r := &running{signals: make(chan os.Signal, 2), out: newLines(), err: newLines(), done: make(chan struct{})}
	p := &program{in: strings.NewReader(""), out: r.out, err: r.err, signals: r.signals, watched: true}
	go func() {
		defer close(r.done)
		r.code = p.run(context.Background(), args)
		r.out.Close()
		r.err.Close()
	}()
	t.Cleanup(func() {
		select {
		case r.signals <- os.Interrupt:
		default:
		}
		<-r.done
	})
	return r
}

// What others send reaches no terminal as it is: not as a reply, a fault, an event or a
// broadcast.
func TestControlCharactersDoNotReachATerminal(t *testing.T) {
	_, port := startNode(t)
	const evil, shown = "evil\x1b[2J", `evil\x1b[2J`

	member := onTerminal(t, "reply", port, "-text", evil, "bad")
	member.err.next(t, "serving")
	for _, flag := range []string{"-raw=false", "-raw"} {
		asked := onTerminal(t, "request", port, flag, "bad", "hello")
		if code, text := asked.wait(), asked.out.text.String(); strings.TrimSuffix(text, "\n") != shown || code != exitGood {
			t.Errorf("request %s: a reply is shown as %q, exit code %d", flag, text, code)
		}
	}
	if got := iris(t, "", "request", port, "bad", "hello"); got.out != evil+"\n" {
		t.Errorf("without a terminal the reply is %q", got.out)
	}
	if got := iris(t, "", "broadcast", port, "bad", evil); got.code != exitGood {
		t.Errorf("broadcast: %+v", got)
	}
	if line := member.out.next(t, "evil"); strings.TrimSpace(line) != shown {
		t.Errorf("a broadcast is shown as %q", line)
	}

	listening := onTerminal(t, "subscribe", port, "-count", "1", "news")
	listening.err.next(t, "subscribed")
	if got := iris(t, "", "publish", port, "news", evil); got.code != exitGood {
		t.Errorf("publish: %+v", got)
	}
	if line := listening.out.next(t, "evil"); strings.TrimSpace(line) != shown {
		t.Errorf("an event is shown as %q", line)
	}

	failing := start(t, nil, "reply", port, "failing", "sh", "-c", `printf 'evil\033[2J' >&2; exit 1`)
	failing.err.next(t, "serving")
	if got := iris(t, "", "request", port, "failing", "hello"); !strings.Contains(got.err, shown) || strings.Contains(got.err, "\x1b") {
		t.Errorf("a fault is shown as %q", got.err)
	}
}
