package scripttest

import (
	"strconv"
	"strings"
	"time"
)

// Misuse says why a command cannot be understood. Commands panic with it.
type Misuse string

// Words are those behind a command, of which each method takes some from the front. They panic
// with [Misuse] if there is nothing to take or it cannot be understood.
type Words struct{ left []string }

// NewWords returns words as a command is given them.
func NewWords(words ...string) *Words { return &Words{words} }

// More reports whether any word is left.
func (w *Words) More() bool { return len(w.left) > 0 }

// Next takes the next word. What it should be is named in the complaint if there is none.
func (w *Words) Next(what string) string {
	if !w.More() {
		panic(Misuse("there is no " + what))
	}
	word := w.left[0]
	w.left = w.left[1:]
	return word
}

// Rest takes all words that are left.
func (w *Words) Rest() []string {
	rest := w.left
	w.left = nil
	return rest
}

// Number takes a whole number.
func (w *Words) Number() int {
	word := w.Next("number")
	n, err := strconv.Atoi(word)
	if err != nil {
		panic(Misuse(word + " is no number"))
	}
	return n
}

// Span takes a span of time, as [time.ParseDuration] reads it.
func (w *Words) Span() time.Duration {
	word := w.Next("time")
	span, err := time.ParseDuration(word)
	if err != nil {
		panic(Misuse(word + " is no time"))
	}
	return span
}

// Setting takes a word of the form key=value. The value is the only of the words that it
// returns.
func (w *Words) Setting() (key string, value *Words) {
	key, text, found := strings.Cut(w.Next("setting"), "=")
	if !found {
		panic(Misuse(key + " has no value"))
	}
	return key, NewWords(text)
}

// end insists that no word is left.
func (w *Words) end() {
	if w.More() {
		panic(Misuse("too much: " + strings.Join(w.left, " ")))
	}
}
