package relay

import (
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// backlogLimit is how many bytes an application may have waiting for ways to other nodes
	// before it is slowed down.
	backlogLimit = 1 << 20
	// parcelMemory is what each message counts besides what is in it.
	parcelMemory = 128
	// backlogPatience is how long what waits is still sent when its application is gone: as long as
	// a node waits for a link, and a little more.
	backlogPatience = 4 * time.Second
)

// messageKind is which of the two a message is that goes to all who want it.
type messageKind bool

const (
	eventKind     messageKind = false
	broadcastKind messageKind = true
)

// backlog is what an application has published and broadcast while there is no way to a node that
// wants it: no link yet, or no word of who wants it. It is sent in order, by a goroutine that lasts
// as long as something waits, so that the session goes on to read. Else a request behind it would
// be read after its deadline. Applications of this node do not wait for it: they have the message
// already, so that one who unsubscribes next has its own.
//
// Only send adds to it, which the reader of the session calls.
type backlog struct {
	session *session
	waits   atomic.Bool // something does, or is being sent; to look takes no lock

	mu      sync.Mutex
	parcels []parcel
	bytes   int64         // of them, and of that which is being sent
	empty   chan struct{} // closed when the last is sent; set while waits
}

// parcel is a message that waits.
type parcel struct {
	kind          messageKind
	begun         bool // some have it already
	name, message []byte
	rest          func(name, message []byte) // what is left to do
}

func (p *parcel) size() int64 { return int64(len(p.name) + len(p.message) + parcelMemory) }

// send sends a message, behind those that wait. When there is no room for it among these, it
// waits until none is left: this slows the application down.
func (b *backlog) send(kind messageKind, name, message []byte) {
	behind := b.waits.Load()
	rest := b.start(kind, name, message, behind)
	if rest == nil || b.add(parcel{kind, !behind, name, message, rest}) {
		return
	}
	b.await()
	rest(name, message)
}

// start sends a message as far as that needs no wait.
func (b *backlog) start(kind messageKind, name, message []byte, behind bool) (rest func(name, message []byte)) {
	if kind == broadcastKind {
		return b.session.member.StartBroadcast(name, message, behind)
	}
	return b.session.member.StartPublish(name, message, behind)
}

// add keeps a copy of a message, and reports whether there was room. One always has, as far as there
// is memory.
func (b *backlog) add(p parcel) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.bytes > 0 && b.bytes+p.size() > backlogLimit || b.session.memory.Holder.Take(p.size()) != nil {
		return false
	}
	both := append(append(make([]byte, 0, len(p.name)+len(p.message)), p.name...), p.message...)
	p.name, p.message = both[:len(p.name):len(p.name)], both[len(p.name):]
	b.bytes += p.size()
	b.parcels = append(b.parcels, p)
	if b.empty == nil {
		b.empty = make(chan struct{})
		b.waits.Store(true)
		b.session.helpers.Go(b.run)
	}
	return true
}

// run sends what waits, until nothing does.
func (b *backlog) run() {
	for {
		p, ok := b.next()
		if !ok {
			return
		}
		p.rest(p.name, p.message)
		b.give(p.size())
	}
}

// next takes out what has waited for the longest time.
func (b *backlog) next() (p parcel, ok bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.parcels) == 0 {
		close(b.empty)
		b.parcels, b.empty = nil, nil
		b.waits.Store(false)
		return parcel{}, false
	}
	p, b.parcels[0] = b.parcels[0], parcel{}
	b.parcels = b.parcels[1:]
	return p, true
}

// give gives back what a message has taken that is sent.
func (b *backlog) give(size int64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.bytes -= size
	b.session.memory.Give(size)
}

// await waits until nothing waits.
func (b *backlog) await() {
	if empty := b.isEmpty(); empty != nil {
		<-empty
	}
}

// isEmpty returns what is closed when nothing waits, and nil if that is so now.
func (b *backlog) isEmpty() <-chan struct{} {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.empty
}

// finish waits until nothing waits, for the patience at most, and drops what still does. Nothing is
// added any more.
func (b *backlog) finish() {
	empty := b.isEmpty()
	if empty == nil {
		return
	}
	timer := time.NewTimer(backlogPatience)
	defer timer.Stop()
	select {
	case <-empty:
		return
	case <-timer.C:
	}
	b.drop()
	<-empty
}

// drop drops what waits, but for what is begun.
func (b *backlog) drop() {
	b.mu.Lock()
	defer b.mu.Unlock()
	counts := &b.session.relay.counters
	b.parcels = slices.DeleteFunc(b.parcels, func(p parcel) bool {
		switch {
		case p.begun:
			return false
		case p.kind == broadcastKind:
			counts.broadcastsUnsent.Add(1)
		default:
			counts.eventsUnsent.Add(1)
		}
		b.bytes -= p.size()
		b.session.memory.Give(p.size())
		return true
	})
}
