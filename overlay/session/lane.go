package session

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/project-iris/iris/overlay/peers"
	"github.com/project-iris/iris/overlay/wire"
	"github.com/project-iris/iris/transport"
	"github.com/project-iris/iris/transport/budget"
	"github.com/project-iris/iris/transport/outbox"
)

// Messages to a node travel in lanes: streams in one direction, opened when they are
// first needed. All requests of one member take the same one, and all its events, which keeps
// their order, and a packet that is lost holds up one lane and not the others. Requests and
// answers never wait behind events: neither here, nor there for a receiver of events.
const (
	// RequestLanes is how many lanes a session has for requests and answers.
	RequestLanes = 2
	// EventLanes is how many it has for events and broadcasts.
	EventLanes = 2
	// Senders is how many senders with numbers from zero on use all of them, on links of all
	// versions.
	Senders = RequestLanes + EventLanes
	// forwardLane is the number of one more, for what is forwarded for other nodes.
	forwardLane = RequestLanes + EventLanes
	// maxLanes is how many lanes a node may open to this one on a link. Each costs up to
	// the memory of the frame that is on its way.
	maxLanes = forwardLane + 1
	// LaneLimit is how many bytes may wait in a lane before senders wait for room: what
	// others who use the lane have to wait for, and enough for the lane to be always busy.
	LaneLimit = 256 << 10
	// shortLimit is how many bytes of messages that must not be dropped may wait in a lane that
	// is full.
	shortLimit = 4 << 20
	// smallMessage is up to which size a request or an answer goes on when there is no memory:
	// these are the last that are refused. What a lane takes bounds them.
	smallMessage = 4 << 10
	// largeMessage is how many bytes an outbox takes at least for a message behind others.
	largeMessage = 72 << 10
	// handTimeout is how long the other node may take to read what is left in a lane
	// when this one ends it.
	handTimeout = time.Second
)

var (
	// ErrFull says that there is no room in a lane.
	ErrFull = outbox.ErrFull

	// errLinkLost says that the link to a node has ended.
	errLinkLost = errors.New("link to the node is lost")
	// errUnread ends the link to a node that asks much and reads no answer.
	errUnread = &transport.ClosedError{Code: transport.CodeBusy, Reason: "answers are not read"}
)

// Lane is a stream of messages to another node. Its methods are safe for concurrent use.
type Lane struct {
	open    sync.Once
	session *Session
	out     *outbox.Outbox // nil if the link was lost before
	frames  *outbox.Queue  // of out, the one that is used
	queued  atomic.Uint64  // bytes that out has been given
	stuck   atomic.Bool    // a sender has waited in vain
	shorts  atomic.Int64   // bytes of short messages, since there was room
}

// start starts the goroutine that writes the lane, which ends with the link or with
// Finish. What a prompt lane carries is waited for.
func (l *Lane) start(s *Session, prompt bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.lost {
		return
	}
	stream := &laneStream{peer: s.config.Peer}
	l.session, l.out = s, outbox.New(stream, LaneLimit, 0)
	l.frames = &l.out.Bulk
	l.out.Charge(s.config.Memory)
	if prompt {
		l.frames = &l.out.Prompt
		l.out.ChargeBeyond(s.config.Memory, smallMessage)
	}
	s.writers.Go(func() { l.run(stream) })
}

// run writes the lane, and counts what is lost with the link.
func (l *Lane) run(s *laneStream) {
	defer context.AfterFunc(l.session.Context(), func() { l.out.Abort(errLinkLost) })()
	if l.out.Run() == nil {
		s.hand()
	}
	s.end()
	l.session.config.Counters.bytesLost.Add(l.queued.Load() - s.written)
}

// Begin locks the lane for a message of a size, which has to be given to Commit. It
// waits for room for the patience at most, which may be zero, and then fails with
// [ErrFull]. It does the same for memory, unless the message is small and no event. When a sender has waited in vain, nobody waits, and nothing is sent, until
// half of the lane has been written. It fails as well when the link has ended.
func (l *Lane) Begin(size int, patience time.Duration) ([]byte, error) {
	if l.out == nil {
		return nil, errLinkLost
	}
	if l.stuck.Load() {
		if l.out.Queued() > LaneLimit/2 {
			return nil, ErrFull
		}
		l.stuck.Store(false)
	}
	b, err := l.frames.Begin(size)
	if errors.Is(err, ErrFull) && patience > 0 {
		b, err = l.await(size, patience)
	}
	if errors.Is(err, budget.ErrRefused) {
		b, err = l.awaitMemory(size, patience)
	}
	if err == nil {
		l.queued.Add(uint64(size))
	}
	return b, err
}

// await is Begin for a lane that is full.
func (l *Lane) await(size int, patience time.Duration) ([]byte, error) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	b, err := l.frames.BeginWait(ctx, size) // which the end of the link ends as well
	if errors.Is(err, context.DeadlineExceeded) {
		l.stuck.Store(true)
		err = ErrFull
	}
	return b, err
}

// awaitMemory is Begin for a message that there is no memory for.
func (l *Lane) awaitMemory(size int, patience time.Duration) ([]byte, error) {
	if patience > 0 {
		ctx, cancel := context.WithTimeout(l.session.Context(), patience)
		defer cancel()
		need := int64(max(size, largeMessage))
		if memory := l.session.config.Memory; memory.Wait(ctx, need) == nil {
			memory.Give(need)
			b, err := l.frames.Begin(size)
			if !errors.Is(err, budget.ErrRefused) {
				return b, err
			}
		}
	}
	return nil, ErrFull
}

// BeginShort is Begin for a small message that must not be dropped. A node that makes
// this one say too many of them without reading them loses its link.
func (l *Lane) BeginShort(size int) ([]byte, error) {
	switch {
	case l.out == nil:
		return nil, errLinkLost
	case l.out.Queued() < LaneLimit:
		l.shorts.Store(0)
	case l.shorts.Add(int64(size)) > shortLimit:
		l.session.Cut(errUnread)
		return nil, ErrFull
	}
	b, err := l.frames.BeginOver(size)
	if err == nil {
		l.queued.Add(uint64(size))
	}
	return b, err
}

// Waiting is how many bytes wait to be written.
func (l *Lane) Waiting() int {
	if l.out == nil {
		return 0
	}
	return l.out.Queued()
}

// Commit queues what was appended to the slice that Begin has returned.
func (l *Lane) Commit(b []byte) { l.out.Commit(b) }

// laneStream is the stream of a lane. It is opened by the first write, as a peer may
// make that wait.
type laneStream struct {
	peer    *peers.Peer
	stream  transport.Stream
	written uint64 // bytes
	flow    *flow  // nil: the other node does not tell what it has read
}

// Write opens the stream if that has not been done, and writes when little enough is on its
// way.
func (s *laneStream) Write(b []byte) (int, error) {
	if s.stream == nil {
		if err := s.open(); err != nil {
			return 0, err
		}
	}
	if s.flow != nil {
		if err := s.flow.await(s.peer.Context(), len(b)); err != nil {
			return 0, err
		}
	}
	n, err := s.stream.Write(b)
	s.written += uint64(n)
	return n, err
}

// TryWrite writes all of b, or nothing, if that needs no wait.
func (s *laneStream) TryWrite(b []byte) int {
	stream, ok := s.stream.(transport.TryWriter)
	if !ok {
		return 0
	}
	if s.flow != nil && !s.flow.window.take(time.Now(), uint64(len(b))) {
		return 0
	}
	n := stream.TryWrite(b)
	if s.flow != nil && n < len(b) {
		s.flow.window.giveBack(uint64(len(b) - n))
	}
	s.written += uint64(n)
	return n
}

func (s *laneStream) open() error {
	stream, err := s.peer.Open(s.peer.Context(), peers.KindLane)
	if err != nil {
		return err
	}
	s.stream = stream
	if s.peer.Link().Version() >= wire.VersionRead {
		s.flow = newFlow()
		go s.flow.follow(stream)
	}
	return nil
}

// SetWriteDeadline is for outboxes that find out who has stalled, which lanes do not.
func (s *laneStream) SetWriteDeadline(time.Time) error { return errors.ErrUnsupported }

// hand ends the stream in good order, and waits until the other node has read all of it
// and ends it too: a link that is closed before may lose what is on its way.
func (s *laneStream) hand() {
	if s.stream == nil || s.stream.CloseWrite() != nil {
		return
	}
	_ = s.stream.SetReadDeadline(time.Now().Add(handTimeout))
	if s.flow != nil {
		<-s.flow.ended
		return
	}
	_, _ = s.stream.Read(make([]byte, 1))
}

func (s *laneStream) end() {
	if s.stream != nil {
		s.stream.Reset(transport.CodeNone)
	}
	if s.flow != nil {
		<-s.flow.ended
	}
}
