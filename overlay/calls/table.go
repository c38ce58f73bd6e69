// Package calls keeps what waits for an answer until a deadline: the requests that a
// member has asked, those that it has in hand, and those that another node has.
//
// Whoever takes a call out of its [Table] is the one who ends it: the answer, the
// deadline, the loss of who had it, or the end of the table. The others find it gone, so
// that nothing is answered twice.
package calls

import (
	"errors"
	"sync"
	"time"

	"github.com/project-iris/iris/overlay/deadline"
)

var (
	// ErrFull says that a table has as many calls as it may.
	ErrFull = errors.New("too many calls are open")
	// ErrClosed says that a table takes no more calls.
	ErrClosed = errors.New("calls are closed")
)

// Table holds open calls under ids that it gives out, from 0 on. Its methods are safe for
// concurrent use. In a steady state none of them allocates.
//
// All deadlines share one timer, which is set only for one that is earlier than the one
// it runs to: with equal timeouts, once a timeout.
type Table[T any] struct {
	limit   int
	expired func(id uint64, call T)

	mu     sync.Mutex
	open   deadline.Table[T]
	memory Memory      // see Charge; nil: it is not counted
	each   int64       // bytes of memory
	timer  *time.Timer // runs expire; nil until it is needed
	rings  time.Time   // when it does; zero: it does not
	closed bool
}

// New returns a table of at most so many calls. Calls whose deadline has passed are handed
// to expired one after the other, in a goroutine of their own, which may use the table.
func New[T any](limit int, expired func(id uint64, call T)) *Table[T] {
	return &Table[T]{limit: limit, expired: expired}
}

// Memory is what the bytes of calls are taken of. It is used while the table is locked.
type Memory interface {
	Take(bytes int64) error
	Give(bytes int64)
}

// Charge has so many bytes for each call taken: Add fails with the error of that. It is called
// before there are any.
func (t *Table[T]) Charge(memory Memory, each int64) { t.memory, t.each = memory, each }

// Add opens a call until a deadline. It fails with [ErrFull] or [ErrClosed].
func (t *Table[T]) Add(until time.Time, call T) (id uint64, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	switch {
	case t.closed:
		return 0, ErrClosed
	case t.open.Len() >= t.limit:
		return 0, ErrFull
	}
	if t.memory != nil {
		if err := t.memory.Take(t.each); err != nil {
			return 0, err
		}
	}
	t.ring(until)
	return t.open.Add(until, call), nil
}

// Take ends a call and returns it, if it is open.
func (t *Table[T]) Take(id uint64) (call T, ok bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	call, ok = t.open.Take(id)
	if ok {
		t.give(1)
	}
	return call, ok
}

// Has reports whether a call is open.
func (t *Table[T]) Has(id uint64) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.open.Has(id)
}

// Len returns how many calls are open.
func (t *Table[T]) Len() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.open.Len()
}

// DeleteFunc ends the calls that the function wants ended. It looks at all, with the table
// locked.
func (t *Table[T]) DeleteFunc(end func(call T) bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	before := t.open.Len()
	t.open.DeleteFunc(end)
	t.give(before - t.open.Len())
}

// Close ends all calls and returns them, in the order of their deadlines. The table takes
// no more.
func (t *Table[T]) Close() []T {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.closed = true
	if t.timer != nil {
		t.timer.Stop()
	}
	var all []T
	for {
		at, ok := t.open.Next()
		if !ok {
			return all
		}
		_, call, _ := t.open.Expire(at)
		t.give(1)
		all = append(all, call)
	}
}

// give gives back the memory of calls. The lock is held.
func (t *Table[T]) give(calls int) {
	if t.memory != nil {
		t.memory.Give(int64(calls) * t.each)
	}
}

// ring makes sure that the timer runs to a time, or an earlier one. The lock is held.
func (t *Table[T]) ring(at time.Time) {
	if !t.rings.IsZero() && !at.Before(t.rings) {
		return
	}
	t.rings = at
	wait := time.Until(at)
	if t.timer == nil {
		t.timer = time.AfterFunc(wait, t.expire)
		return
	}
	t.timer.Reset(wait)
}

// expire ends the calls whose deadline has passed.
func (t *Table[T]) expire() {
	now := time.Now()
	for {
		id, call, ok := t.expireOne(now)
		if !ok {
			return
		}
		t.expired(id, call)
	}
}

// expireOne takes out one call whose deadline has passed. If there is none it sets the
// timer for the next.
func (t *Table[T]) expireOne(now time.Time) (id uint64, call T, ok bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if id, call, ok = t.open.Expire(now); ok {
		t.give(1)
		return id, call, true
	}
	t.rings = time.Time{}
	if at, waits := t.open.Next(); waits {
		t.ring(at)
	}
	return 0, call, false
}
