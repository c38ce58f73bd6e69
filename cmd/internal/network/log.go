package network

import (
	"cmp"
	"encoding/json"
	"slices"
	"sync"
)

// Log is what nodes have logged that is worse than normal.
type Log struct {
	Warnings int       `json:"warnings"`
	Errors   int       `json:"errors"`
	Messages []Message `json:"messages,omitempty"` // the most frequent first
}

// Message is one that nodes have logged.
type Message struct {
	Level string `json:"level"`
	Text  string `json:"text"` // without its attributes
	Count int    `json:"count"`
	// Example is a line with it, the first one that was read.
	Example string `json:"example"`
}

// maxMessages bounds how many different messages are kept; what is beyond is counted as
// otherMessages.
const (
	maxMessages   = 50
	otherMessages = "(other messages)"
)

// The levels that are counted, as log/slog writes them. A line that is not of a node's log,
// such as what a runtime writes when it gives up, counts as an error.
const (
	levelWarn  = "WARN"
	levelError = "ERROR"
)

// A tally counts what the nodes log. Methods may be called by any goroutine.
type tally struct {
	mu       sync.Mutex
	messages map[line]*Message
}

func newTally() *tally { return &tally{messages: make(map[line]*Message)} }

// add counts a message. The example is the whole line.
func (t *tally) add(l line, example string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.messages[l] == nil && len(t.messages) >= maxMessages {
		l.Text = otherMessages
	}
	if t.messages[l] == nil {
		t.messages[l] = &Message{Level: l.Level, Text: l.Text, Example: example}
	}
	t.messages[l].Count++
}

// take returns what was counted since the last call.
func (t *tally) take() (l Log) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, m := range t.messages {
		if m.Level == levelWarn {
			l.Warnings += m.Count
		} else {
			l.Errors += m.Count
		}
		l.Messages = append(l.Messages, *m)
	}
	clear(t.messages)
	slices.SortFunc(l.Messages, func(a, b Message) int {
		return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(a.Level, b.Level), cmp.Compare(a.Text, b.Text))
	})
	return l
}

// A line is one of a node's log, as far as it matters.
type line struct {
	Level string `json:"level"`
	Text  string `json:"msg"`
}

// readyLine is the one that says that a node serves.
type readyLine struct {
	Port int    `json:"port"` // for applications
	Peer string `json:"peer"` // addresses for other nodes, separated by commas
	HTTP string `json:"http"` // address of the admin endpoint
}

// parseLine reads a line of a log in JSON. What is none is an error of a node.
func parseLine(text string) (l line, ready *readyLine) {
	if json.Unmarshal([]byte(text), &l) != nil {
		return line{Level: levelError, Text: text}, nil
	}
	if l.Text != "ready" {
		return l, nil
	}
	ready = new(readyLine)
	if json.Unmarshal([]byte(text), ready) != nil {
		return line{Level: levelError, Text: text}, nil
	}
	return l, ready
}
