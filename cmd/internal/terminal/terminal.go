// Package terminal shows text that others have chosen without having a terminal do what it says.
package terminal

import (
	"fmt"
	"io"
	"sync"
	"unicode/utf8"
)

// A Writer shows text that others have chosen without doing what it says: control
// characters, by which a terminal is told to move, to hide or to answer, are written as
// escapes, as \x1b. Lines and tabs stay. Its Write may be called by any goroutine.
type Writer struct {
	Out io.Writer

	mu   sync.Mutex
	rest []byte // of a character that the last write had only the beginning of
}

// Write writes all but the beginning of a character, which waits for its end.
func (w *Writer) Write(b []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	text := append(w.rest, b...)
	whole := len(text) - unfinished(text)
	w.rest = append([]byte(nil), text[whole:]...)
	if whole == 0 {
		return len(b), nil
	}
	if _, err := w.Out.Write(Harmless(text[:whole])); err != nil {
		return 0, err
	}
	return len(b), nil
}

// End writes what still waits for its end.
func (w *Writer) End() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.rest) > 0 {
		_, _ = w.Out.Write(Harmless(w.rest))
		w.rest = nil
	}
}

// unfinished returns how many bytes at the end are the beginning of a character.
func unfinished(b []byte) int {
	for n := 1; n < utf8.UTFMax && n <= len(b); n++ {
		if last := b[len(b)-n:]; utf8.RuneStart(last[0]) {
			if utf8.FullRune(last) {
				return 0
			}
			return n
		}
	}
	return 0
}

// Harmless returns text with escapes in place of what a terminal would obey, and of what is
// no UTF-8.
func Harmless(b []byte) []byte {
	safe := make([]byte, 0, len(b))
	for len(b) > 0 {
		r, size := utf8.DecodeRune(b)
		switch {
		case r == utf8.RuneError && size == 1, r < 0x80 && isControl(r):
			safe = fmt.Appendf(safe, `\x%02x`, b[0])
		case isControl(r):
			safe = fmt.Appendf(safe, `\u%04x`, r)
		default:
			safe = append(safe, b[:size]...)
		}
		b = b[size:]
	}
	return safe
}

// isControl reports whether a terminal may do something at a character: the controls of
// ISO 6429, the ends of lines that only some know, and what turns the direction of text.
func isControl(r rune) bool {
	switch {
	case r == '\n', r == '\t':
		return false
	case r < ' ', r >= 0x7f && r < 0xa0:
		return true
	case r == 0x2028, r == 0x2029:
		return true
	}
	return r >= 0x202a && r <= 0x202e || r >= 0x2066 && r <= 0x2069 || r == 0x200e || r == 0x200f || r == 0x061c
}
