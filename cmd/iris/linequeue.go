package main

import (
	"bytes"
	"errors"
	"io"
	"sync"
	"time"
)

const (
	// maxLines is how many bytes of lines may wait to be written: some thousand lines.
	maxLines = 1 << 20
	// lastLines is how long the end of a program waits for lines to be written.
	lastLines = time.Second
)

// errUnread says why lines were dropped that were not tried.
var errUnread = errors.New("nothing is read of it, and what may wait is full")

// lineQueue writes the lines of a log, and has nobody wait who logs: what a log goes to may be a pipe whose
// reader hangs, or a terminal that is halted. Lines that find no room, or that cannot be written, are
// dropped and counted. It is for any number of goroutines.
type lineQueue struct {
	out io.Writer
	// missed is called when lines can be written again, with how many could not be, and why. It may write.
	missed func(lines uint64, why error)

	torn bool // of run: the end of the last line is missing

	mu      sync.Mutex
	waiting []byte // whole lines
	dropped uint64 // since the beginning
	untold  uint64 // of these, those that missed was not called for
	why     error  // of the last one
	closing bool   // over comes when nothing waits
	over    bool
	news    chan struct{} // has one when there is something to do
	ended   chan struct{} // closed when all is written
}

func newLineQueue(out io.Writer, missed func(lines uint64, why error)) *lineQueue {
	q := &lineQueue{out: out, missed: missed, news: make(chan struct{}, 1), ended: make(chan struct{})}
	go q.run()
	return q
}

// Write takes a line, or several. It never fails.
func (q *lineQueue) Write(b []byte) (int, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.over || len(q.waiting)+len(b) > maxLines {
		q.drop(b, errUnread)
		return len(b), nil
	}
	q.waiting = append(q.waiting, b...)
	q.wake()
	return len(b), nil
}

func (q *lineQueue) wake() {
	select {
	case q.news <- struct{}{}:
	default:
	}
}

// drop counts lines that are not written. The caller holds mu.
func (q *lineQueue) drop(lines []byte, why error) {
	n := uint64(bytes.Count(lines, []byte("\n")))
	q.dropped, q.untold, q.why = q.dropped+n, q.untold+n, why
}

// run writes what waits until the queue is closed and empty.
func (q *lineQueue) run() {
	defer close(q.ended)
	var lines []byte
	for range q.news {
		for q.take(&lines) {
			q.write(lines)
		}
		if q.finished() {
			return
		}
	}
}

// take takes all that waits, and says whether that is anything. What lines had is written over.
func (q *lineQueue) take(lines *[]byte) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	*lines, q.waiting = q.waiting, (*lines)[:0]
	return len(*lines) > 0
}

func (q *lineQueue) finished() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.over = q.closing && len(q.waiting) == 0
	return q.over
}

// write writes lines, and tells after a success what could not be written before.
func (q *lineQueue) write(lines []byte) {
	n, err := q.put(lines)
	q.mu.Lock()
	if err != nil {
		q.drop(lines[n:], err)
		q.mu.Unlock()
		return
	}
	untold, why := q.untold, q.why
	q.untold = 0
	q.mu.Unlock()
	if untold > 0 {
		q.missed(untold, why)
	}
}

// put writes lines. What was written of one in part, as on a disk that got full, is a line of its own.
func (q *lineQueue) put(lines []byte) (n int, err error) {
	if q.torn {
		if _, err := q.out.Write([]byte("\n")); err != nil {
			return 0, err
		}
	}
	n, err = q.out.Write(lines)
	q.torn = n > 0 && lines[n-1] != '\n'
	return n, err
}

// Dropped returns how many lines could not be written.
func (q *lineQueue) Dropped() uint64 {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.dropped
}

// close writes what waits, as far as a second is enough. What comes later is dropped.
func (q *lineQueue) close() {
	q.mu.Lock()
	q.closing = true
	q.wake()
	q.mu.Unlock()
	limit := time.NewTimer(lastLines)
	defer limit.Stop()
	select {
	case <-q.ended:
	case <-limit.C:
	}
}
