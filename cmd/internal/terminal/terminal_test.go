package terminal

import (
	"bytes"
	"strings"
	"testing"
	"unicode/utf8"
)

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
			shown := &Writer{Out: &out}
			for rest := []byte(text); len(rest) > 0; rest = rest[min(cut, len(rest)):] {
				piece := rest[:min(cut, len(rest))]
				if n, err := shown.Write(piece); n != len(piece) || err != nil {
					t.Fatalf("%q: %d, %v", piece, n, err)
				}
			}
			shown.End()
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
		shown := &Writer{Out: &out}
		cut = min(max(cut, 0), len(text))
		_, _ = shown.Write(text[:cut])
		_, _ = shown.Write(text[cut:])
		shown.End()
		if !utf8.Valid(out.Bytes()) || strings.ContainsFunc(out.String(), isControl) {
			t.Errorf("%q is shown as %q", text, out.Bytes())
		}
		if !bytes.Equal(out.Bytes(), Harmless(text)) {
			t.Errorf("%q is shown as %q when it is cut", text, out.Bytes())
		}
	})
}
