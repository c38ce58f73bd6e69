package main

import (
	"bytes"
	"context"
	"os"
	"strings"
	"testing"
	"unicode/utf8"
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

func TestWhatATerminalIsShown(t *testing.T) {
	for text, want := range map[string]string{
		"plain\ttext\nof two lines\n":    "plain\ttext\nof two lines\n",
		"žluťoučký 馬 👩‍👩‍👧":              "žluťoučký 馬 👩‍👩‍👧",
		"\x1b]0;title\a\x1b[2J":          `\x1b]0;title\x07\x1b[2J`,
		"over\rwritten\b\x00\x7f":        `over\x0dwritten\x08\x00\x7f`,
		"\x9b2J":                         `\x9b2J`,
		"\u009b2J":                       `\u009b2J`,
		"a\u202eb\u2066c\u2028":          `a\u202eb\u2066c\u2028`,
		"no UTF-8: \xff\xc3":             `no UTF-8: \xff\xc3`,
		"the sign for it: \ufffd":        "the sign for it: \ufffd",
		"cut off: " + "\xf0\x9f\x91":     `cut off: \xf0\x9f\x91`,
		"too long: " + "\xc0\x9b" + "2J": `too long: \xc0\x9b2J`,
	} {
		for cut := 1; cut <= len(text); cut++ { // however it is cut into writes
			var out bytes.Buffer
			shown := &terminal{out: &out}
			for rest := []byte(text); len(rest) > 0; rest = rest[min(cut, len(rest)):] {
				piece := rest[:min(cut, len(rest))]
				if n, err := shown.Write(piece); n != len(piece) || err != nil {
					t.Fatalf("%q: %d, %v", piece, n, err)
				}
			}
			shown.end()
			if out.String() != want {
				t.Errorf("%q in pieces of %d is shown as %q, want %q", text, cut, out.String(), want)
			}
		}
	}
}

func FuzzTerminal(f *testing.F) {
	f.Add([]byte("\x1b[2J\u009b\xff"), 3)
	f.Fuzz(func(t *testing.T, text []byte, cut int) {
		var out bytes.Buffer
		shown := &terminal{out: &out}
		cut = min(max(cut, 0), len(text))
		_, _ = shown.Write(text[:cut])
		_, _ = shown.Write(text[cut:])
		shown.end()
		if !utf8.Valid(out.Bytes()) || strings.ContainsFunc(out.String(), isControl) {
			t.Errorf("%q is shown as %q", text, out.Bytes())
		}
		if !bytes.Equal(out.Bytes(), harmless(text)) {
			t.Errorf("%q is shown as %q when it is cut", text, out.Bytes())
		}
	})
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
