package multicast

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/project-iris/iris/overlay/wire"
	"github.com/project-iris/iris/transport"
)

const (
	// Patience is how long a sender waits for room in the lane to a node, and for what was sent by an old branch.
	Patience = time.Second
	// LinkPatience is how long a message waits for a link to a node, from the moment on when
	// that is dialled: four or five round trips of a network that is far.
	LinkPatience = 3 * time.Second
	// forwardPatience is how long a node waits for room in the lane to one that it forwards
	// to, before it drops what does not fit. It is short: what it has to forward besides
	// waits behind it.
	forwardPatience = 100 * time.Millisecond
)

// Lane is a queue of messages to a node, in order.
type Lane interface {
	// Begin locks the lane for a message of a size, for which it waits for room for the
	// patience at most. What was appended to the slice has to be given to Commit.
	Begin(size int, patience time.Duration) ([]byte, error)
	// BeginShort is Begin for a short message that must not be dropped for want of room.
	BeginShort(size int) ([]byte, error)
	Commit(b []byte)
}

// Link is a link to another node, as long as it lasts.
type Link interface {
	// Lane returns the lane for what a sender sends: always the same.
	Lane(sender uint64) Lane
	// ForwardLane returns the lane for what is forwarded.
	ForwardLane() Lane
	// Ended reports whether nothing can be sent any more, as the link ends or has ended.
	Ended() bool
	// Context ends with the link.
	Context() context.Context
}

// Host is what a [Multicast] needs of its node. It is called concurrently, by whoever
// calls the Multicast.
type Host interface {
	// Reachable reports whether there is a link to a node, or one can be made as far as is
	// known. It takes no lock under which a Multicast is called.
	Reachable(id transport.PeerID) bool
	// Link returns the link to a node, and false if there is none. It locks nothing.
	Link(id transport.PeerID) (Link, bool)
	// Want asks for a link to a node, and does not wait for it. Await returns it as soon as
	// there is one, and false if none is made within LinkPatience, or until the context ends.
	Want(id transport.PeerID)
	Await(ctx context.Context, id transport.PeerID) (Link, bool)
	// Deliver hands a message that was forwarded to the receivers at this node. The slices
	// are borrowed.
	Deliver(kind wire.Kind, name, message []byte)
}

// Stats counts what was dropped.
type Stats struct {
	SendsFailed   uint64 // messages for a node that no link is made to, or that does not read
	CopiesDropped uint64 // messages that were to be forwarded to such a node
	CopiesLate    uint64 // messages that came after a later one of their sender, by another route
}

// Multicast gets the messages of a node to other nodes, and forwards those of others. Its
// methods are safe for concurrent use.
type Multicast struct {
	host    Host
	lanes   int // of a link, by which a sender's messages may go
	filter  Filter
	markers markers
	pending pending
	answers atomic.Int32 // to markers, that wait for a link

	sendsFailed, copiesDropped, copiesLate atomic.Uint64

	ctx    context.Context // ends with Close
	cancel context.CancelFunc
	work   sync.WaitGroup // waits for markers, and for links

	mu       sync.Mutex
	indirect map[*Route]struct{} // routes that lead over other nodes
}

// New returns a multicast for a node whose links have so many lanes for senders. It has to
// be closed.
func New(host Host, lanes int) *Multicast {
	m := &Multicast{host: host, lanes: lanes, indirect: make(map[*Route]struct{})}
	m.ctx, m.cancel = context.WithCancel(context.Background())
	return m
}

// Close ends the waits for markers. It returns when the last has ended, which those who
// are sending hold up.
func (m *Multicast) Close() {
	m.mu.Lock() // or a route that moves could begin a wait
	m.cancel()
	m.mu.Unlock()
	m.work.Wait()
}

// Sweep forgets senders that have been silent since the last sweep.
func (m *Multicast) Sweep() { m.filter.Sweep() }

// Stats returns the counts. It may be called at any time.
func (m *Multicast) Stats() Stats {
	return Stats{
		SendsFailed:   m.sendsFailed.Load(),
		CopiesDropped: m.copiesDropped.Load(),
		CopiesLate:    m.copiesLate.Load(),
	}
}
