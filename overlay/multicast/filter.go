package multicast

import (
	"sync"

	"github.com/project-iris/iris/overlay/wire"
	"github.com/project-iris/iris/transport"
)

// filterLimit is how many senders and names a [Filter] knows at a time, at some 100
// bytes each.
const filterLimit = 1 << 16

// Key is whose messages have an order: those of one sender with one name.
type Key struct {
	Origin transport.PeerID
	Sender uint64
	Kind   wire.Kind
	Name   uint64 // a hash
}

// Filter keeps messages that may come by several ways in order, by dropping what comes
// late. The zero Filter is ready. It is safe for concurrent use.
type Filter struct {
	mu    sync.Mutex
	turns map[Key]*Turn
}

// Turn is the right to deliver a message.
type Turn struct {
	mu   sync.Mutex
	last uint64 // order of the latest message
	used bool   // since the last sweep; guarded by Filter.mu
}

// Begin returns the turn of a message, which ends with End, and nil if a message with
// this order or a higher one had its turn before. It waits for the turn of another
// message of the key to end.
func (f *Filter) Begin(key Key, order uint64) *Turn {
	t := f.turn(key)
	t.mu.Lock()
	if order <= t.last {
		t.mu.Unlock()
		return nil
	}
	t.last = order
	return t
}

// End ends a turn.
func (t *Turn) End() { t.mu.Unlock() }

func (f *Filter) turn(key Key) *Turn {
	f.mu.Lock()
	defer f.mu.Unlock()
	t := f.turns[key]
	if t == nil {
		if f.turns == nil {
			f.turns = make(map[Key]*Turn)
		}
		f.makeRoom()
		t = new(Turn)
		f.turns[key] = t
	}
	t.used = true
	return t
}

// makeRoom forgets anybody if there are too many.
func (f *Filter) makeRoom() {
	if len(f.turns) < filterLimit {
		return
	}
	for key := range f.turns {
		delete(f.turns, key)
		return
	}
}

// Sweep forgets those of whom nothing came since the last sweep.
func (f *Filter) Sweep() {
	f.mu.Lock()
	defer f.mu.Unlock()
	for key, t := range f.turns {
		if !t.used {
			delete(f.turns, key)
		}
		t.used = false
	}
}
