package mux

import (
	"slices"
	"sync"
	"time"
)

// A waitQueue lets goroutines take turns. The lock of the Mux guards it.
type waitQueue []chan struct{}

// join returns a channel that gets a value when it is the caller's turn.
func (q *waitQueue) join() chan struct{} {
	turn := make(chan struct{}, 1)
	*q = append(*q, turn)
	return turn
}

// wake gives the turn to whoever waits longest.
func (q *waitQueue) wake() {
	if len(*q) > 0 {
		(*q)[0] <- struct{}{}
		*q = slices.Delete(*q, 0, 1)
	}
}

// leave is for those who do not wait any longer. A turn that they were given
// meanwhile goes to the next.
func (q *waitQueue) leave(turn chan struct{}) {
	if i := slices.Index(*q, turn); i >= 0 {
		*q = slices.Delete(*q, i, i+1)
		return
	}
	q.wake()
}

// notify wakes the one goroutine that waits on c, or the next one that will.
func notify(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// A deadline is a time after which waiting fails. It has a lock of its own.
type deadline struct {
	mu     sync.Mutex
	timer  *time.Timer
	passed chan struct{} // closed when the time has come; nil until first asked for
}

// done returns a channel that is closed when the deadline has passed.
func (d *deadline) done() <-chan struct{} {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.channel()
}

func (d *deadline) channel() chan struct{} {
	if d.passed == nil {
		d.passed = make(chan struct{})
	}
	return d.passed
}

// set moves the deadline; the zero time means none.
func (d *deadline) set(t time.Time) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.timer != nil && !d.timer.Stop() {
		<-d.channel() // the timer has fired; wait until it has closed the channel
	}
	d.timer = nil
	closed := isClosed(d.channel())
	if closed && (t.IsZero() || time.Until(t) > 0) {
		d.passed, closed = make(chan struct{}), false
	}
	if t.IsZero() || closed {
		return
	}
	passed := d.passed
	if wait := time.Until(t); wait > 0 {
		d.timer = time.AfterFunc(wait, func() { close(passed) })
	} else {
		close(passed)
	}
}

func isClosed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}
