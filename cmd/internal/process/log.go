package process

import (
	"bufio"
	"errors"
	"io"
	"strings"
	"sync"
)

// What is kept of a log.
const (
	maxLines = 256
	maxLine  = 4 << 10 // bytes; the rest of a line is dropped
	maxTail  = 10      // lines of an error
)

// log is the last lines that a process has written.
type log struct {
	mu    sync.Mutex
	lines []string
	read  int           // how many of the lines next has returned; at most len(lines)
	news  chan struct{} // closed when there is another line
}

func newLog() *log { return &log{news: make(chan struct{})} }

func (l *log) add(line string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.lines) == maxLines {
		l.lines = append(l.lines[:0], l.lines[1:]...)
		l.read = max(l.read-1, 0)
	}
	l.lines = append(l.lines, line)
	close(l.news)
	l.news = make(chan struct{})
}

// next returns the next line, or else a channel that is closed when there is one.
func (l *log) next() (line string, ok bool, news <-chan struct{}) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.read == len(l.lines) {
		return "", false, l.news
	}
	l.read++
	return l.lines[l.read-1], true, nil
}

// waiting reports whether next has a line.
func (l *log) waiting() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.read < len(l.lines)
}

func (l *log) tail() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Join(l.lines[max(0, len(l.lines)-maxTail):], "\n")
}

// readLines calls a function with each line, cut to its longest length, until the reader
// ends.
func readLines(r io.Reader, handle func(string)) {
	lines := bufio.NewReaderSize(r, maxLine)
	for {
		line, more, err := lines.ReadLine()
		if err != nil {
			return
		}
		handle(string(line))
		for more && err == nil {
			_, more, err = lines.ReadLine()
		}
		if err != nil && !errors.Is(err, io.EOF) {
			return
		}
	}
}
