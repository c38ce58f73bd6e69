package membership

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/project-iris/iris/transport"
)

// errFull is a node too many.
var errFull = errors.New("membership: no room for another node")

// roster is what is known of all other nodes, those included that are gone: a node that
// is believed to be dead may be behind a cut in the network, and has to be found again
// when that heals.
type roster struct {
	max int // entries

	mu      sync.Mutex
	entries map[transport.PeerID]*entry
	members int           // entries that are up
	changed chan struct{} // holds one when there may be a node to try
}

// entry is a node.
type entry struct {
	meta     []byte
	up       bool
	heard    time.Time     // when it last said something
	doubted  bool          // it is said to be dead, and may live
	doubt    time.Duration // how long it has to be silent to be dead, since it is doubted
	trip     time.Duration // how long it takes to answer
	received uint64        // bytes that had come from it when it was heard, since it is doubted
	left     time.Time     // when it was last heard to go in good order
	gone     time.Time     // since when it is not up
	wait     time.Duration // between tries to find it
	next     time.Time     // the next try; zero if none is to be made
	trying   bool
}

func newRoster(limit int) *roster {
	return &roster{max: limit, entries: make(map[transport.PeerID]*entry), changed: make(chan struct{}, 1)}
}

// admit reports whether a node can be taken in. Where there is no room it forgets the
// one that is gone for the longest time, if that is long enough for memberlist to have
// forgotten it too.
func (r *roster) admit(id transport.PeerID) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.entries[id] != nil || len(r.entries) < r.max {
		return nil
	}
	oldest, since := transport.PeerID{}, time.Now().Add(-keepDead)
	for id, e := range r.entries {
		if !e.up && e.gone.Before(since) {
			oldest, since = id, e.gone
		}
	}
	if oldest.IsZero() {
		return errFull
	}
	delete(r.entries, oldest)
	return nil
}

// up notes that a node is a member.
func (r *roster) up(id transport.PeerID, meta []byte) {
	r.mu.Lock()
	defer r.mu.Unlock()
	e := r.entries[id]
	if e == nil {
		e = &entry{}
		r.entries[id] = e
	}
	if !e.up {
		r.members++
	}
	e.up, e.doubted, e.meta, e.left = true, false, bytes.Clone(meta), time.Time{}
}

// leaves notes that a node says that it goes. It counts if the node is a member, and down
// soon.
func (r *roster) leaves(id transport.PeerID) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if e := r.entries[id]; e != nil {
		e.left = time.Now()
	}
}

// down notes that a node is no member any more. Unless it went in good order, it is
// tried again.
func (r *roster) down(id transport.PeerID) {
	r.mu.Lock()
	defer r.mu.Unlock()
	e := r.entries[id]
	if e == nil || !e.up {
		return
	}
	now := time.Now()
	e.up, e.doubted, e.gone, e.next = false, false, now, time.Time{}
	r.members--
	if now.Sub(e.left) < leaveWindow {
		return
	}
	e.wait = healMin
	e.next = now.Add(healMin + rand.N(healMin))
	r.wake()
}

// forget drops a node that is gone for good.
func (r *roster) forget(id transport.PeerID) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if e := r.entries[id]; e != nil && !e.up {
		delete(r.entries, id)
	}
}

// due returns a node to try now. If there is none, it returns how long until there is one,
// negative if none is known. It forgets nodes after their time.
func (r *roster) due() (id transport.PeerID, meta []byte, wait time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := time.Now()
	var first *entry
	for other, e := range r.entries {
		switch {
		case e.up && !e.doubted:
		case !e.up && now.Sub(e.gone) >= Remember:
			delete(r.entries, other)
		case e.trying, e.next.IsZero():
		case first == nil || e.next.Before(first.next):
			id, first = other, e
		}
	}
	if first == nil {
		return id, nil, -1
	}
	if wait = first.next.Sub(now); wait > 0 {
		return id, nil, wait
	}
	first.trying = true
	return id, first.meta, 0
}

// retry notes that a try has ended, and when the next one is. All members together try
// a node about once a second, or else each one every few seconds, so that the tries of
// a large network for the dead do not add up.
func (r *roster) retry(id transport.PeerID) {
	r.mu.Lock()
	defer r.mu.Unlock()
	e := r.entries[id]
	if e == nil {
		return
	}
	e.trying = false
	e.wait = min(e.wait*3/2, max(healMax, time.Duration(r.members+1)*healShare))
	e.next = time.Now().Add(e.wait/2 + rand.N(e.wait))
	r.wake()
}

func (r *roster) wake() {
	select {
	case r.changed <- struct{}{}:
	default:
	}
}
