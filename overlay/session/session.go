// Package session is what a node says to another one, and hears from it, over a link: the
// messages of its applications in lanes, and those of its directory in a control stream.
//
// A [Session] lasts as long as its link. It knows nothing of what the messages mean: it
// hands them to a [Handler].
//
// # Bad peers
//
// A node that breaks the protocol, opens too many lanes, or asks much and reads no answer, loses the
// link. A message that there is no memory for is passed over, and the handler is told.
//
// # Locks
//
// Session.mu guards whether the session has ended, control.mu the queue of the control
// stream, and each lane's outbox itself. None is held while another is locked or the
// handler is called.
package session

import (
	"context"
	"sync"
	"sync/atomic"

	"github.com/project-iris/iris/overlay/peers"
	"github.com/project-iris/iris/overlay/wire"
	"github.com/project-iris/iris/transport"
	"github.com/project-iris/iris/transport/budget"
)

// Handler takes what the other node says. The slices of messages are borrowed.
type Handler interface {
	// HandleMessage takes a message of a lane. Those of one lane come one after the other.
	HandleMessage(m wire.Message)
	// HandleDropped is told, in place of HandleMessage, of a large message of a lane that there was
	// no memory for, with its id if it is about a request.
	HandleDropped(t wire.Type, id uint64)
	// HandleControl says that the control stream is open.
	HandleControl()
	// HandleDirectory takes a message of the control stream, one after the other: one of
	// the directory, or what the other node says of the link.
	HandleDirectory(m wire.Message)
}

// Config configures a [Session]. All fields but Memory are required.
type Config struct {
	Peer     *peers.Peer    // the link
	Frames   *wire.Budget   // for what comes in large frames, of all sessions
	Memory   *budget.Holder // for what waits for the other node, of this session alone; nil: no limit
	Counters *Counters      // of all sessions
	Handler  Handler
}

// linkMemory is what a link counts besides what waits in its lanes: what its multiplexer has
// to write, where it has one, and small buffers.
const linkMemory = 64 << 10

// Counters count what sessions have dropped.
type Counters struct {
	bytesLost, framesRefused, controlsDropped atomic.Uint64
}

// Stats are the counts.
type Stats struct {
	BytesLost       uint64 // of messages that waited to be written to a link when it was lost
	FramesRefused   uint64 // large messages of other nodes that there was no memory for
	ControlsDropped uint64 // messages of the directory that did not fit the queue; it repeats them
}

// Stats returns the counts. It may be called at any time.
func (c *Counters) Stats() Stats {
	return Stats{
		BytesLost:       c.bytesLost.Load(),
		FramesRefused:   c.framesRefused.Load(),
		ControlsDropped: c.controlsDropped.Load(),
	}
}

// Session is another node, as long as the link to it lasts. Its methods are safe for
// concurrent use.
type Session struct {
	config  Config
	id      transport.PeerID
	lanes   [maxLanes]Lane
	readers atomic.Int32   // lanes that the node has opened
	writers sync.WaitGroup // goroutines of the lanes
	others  sync.WaitGroup // all other goroutines
	control control

	mu   sync.Mutex
	lost bool
	cuts bool // the link is being cut
}

// New returns the session of a link that has come up.
func New(config Config) *Session {
	config.Memory.Force(linkMemory)
	return &Session{config: config, id: config.Peer.ID()}
}

// ID returns the other node.
func (s *Session) ID() transport.PeerID { return s.id }

// Peer returns the link.
func (s *Session) Peer() *peers.Peer { return s.config.Peer }

// Context ends with the link; its cause says why.
func (s *Session) Context() context.Context { return s.config.Peer.Context() }

// Ended reports whether the link has ended.
func (s *Session) Ended() bool { return s.Context().Err() != nil }

// Lane returns the lane for the requests and answers of a sender, always the same.
func (s *Session) Lane(sender uint64) *Lane {
	if s.shares() {
		return s.opened(sender % forwardLane)
	}
	return s.opened(sender % RequestLanes)
}

// EventLane returns the lane for the events and broadcasts of a sender, always the same.
func (s *Session) EventLane(sender uint64) *Lane {
	if s.shares() {
		return s.opened(sender % forwardLane)
	}
	return s.opened(RequestLanes + sender%EventLanes)
}

// shares reports whether events and requests share lanes, as they did before version 3: what
// two older nodes say to each other stays as it was.
func (s *Session) shares() bool { return s.config.Peer.Link().Version() < wire.VersionRead }

// ForwardLane returns the lane for what is forwarded for other nodes.
func (s *Session) ForwardLane() *Lane { return s.opened(forwardLane) }

func (s *Session) opened(i uint64) *Lane {
	l := &s.lanes[i]
	l.open.Do(func() { l.start(s, i < RequestLanes) })
	return l
}

// Queued returns how many bytes all lanes were given, and how many of them wait to be
// written.
func (s *Session) Queued() (given uint64, waiting int) {
	s.mu.Lock() // which starts a lane, too
	defer s.mu.Unlock()
	for i := range s.lanes {
		if l := &s.lanes[i]; l.out != nil {
			given += l.queued.Load()
			waiting += l.out.Queued()
		}
	}
	return given, waiting
}

// Finish writes what is left in the lanes, and returns when the other node has read it, or
// has had a second for that. Nothing is sent afterwards.
func (s *Session) Finish() {
	for i := range s.lanes {
		l := &s.lanes[i]
		l.open.Do(func() {}) // from now on
		if l.out != nil {
			l.out.Close()
		}
	}
	s.writers.Wait()
}

// Cut ends the link for a cause, and does not wait for that.
func (s *Session) Cut(cause error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.lost && !s.cuts {
		s.cuts = true
		s.others.Go(func() { s.config.Peer.Link().Close(cause) })
	}
}

// Go runs a function that Wait waits for, unless the link was lost.
func (s *Session) Go(f func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.lost {
		s.others.Go(f)
	}
}

// Lose notes that the link has ended. Nothing is sent afterwards.
func (s *Session) Lose() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lost = true
}

// Wait returns when all goroutines have ended, soon after Lose.
func (s *Session) Wait() {
	s.writers.Wait()
	s.others.Wait()
	s.config.Memory.Close()
}
