package mem

import (
	"context"
	"sync"

	"github.com/project-iris/iris/transport"
)

// Queues of datagrams that were received hold this many; of MaxDatagram bytes
// each at the most.
const datagramQueue = 128

// A link is one end of a wire. The wire's lock guards it.
type link struct {
	wire       *wire
	side       int
	own, peer  transport.PeerID
	localAddr  string
	remoteAddr string
	node       *Transport // to be told of the end; nil at the acceptor until the knock arrives

	ctx    context.Context
	cancel context.CancelCauseFunc
	cause  error // not nil once the link has ended

	version  uint16    // set by the exchange of hellos
	changed  sync.Cond // one for all that waits for the link itself
	welcomed bool      // the acceptor has a listener, for the dialler

	streams  map[uint64]*stream // that are not released
	nextOpen uint64             // the dialler's are even, the acceptor's odd
	open     int                // own streams that the peer has not released
	arrived  []*stream          // opened by the peer, not yet accepted
	inbox    [][]byte           // datagrams

	stats transport.Stats
}

func newLink(w *wire, side int, own, peer transport.PeerID, localAddr, remoteAddr string) *link {
	l := &link{
		wire: w, side: side, own: own, peer: peer,
		localAddr: localAddr, remoteAddr: remoteAddr,
		streams:  make(map[uint64]*stream),
		nextOpen: uint64(side),
	}
	l.changed.L = &w.mu
	l.ctx, l.cancel = context.WithCancelCause(context.Background())
	return l
}

func (l *link) Peer() transport.PeerID   { return l.peer }
func (l *link) LocalAddr() string        { return l.localAddr }
func (l *link) RemoteAddr() string       { return l.remoteAddr }
func (l *link) Context() context.Context { return l.ctx }

// Version is what the hellos have settled.
func (l *link) Version() uint16 {
	l.wire.mu.Lock()
	defer l.wire.mu.Unlock()
	return l.version
}

func (l *link) Open(ctx context.Context) (transport.Stream, error) {
	l.wire.mu.Lock()
	defer l.wire.mu.Unlock()
	limit := l.wire.network.config.MaxStreams
	if err := l.wait(ctx, func() bool { return l.open < limit }); err != nil {
		return nil, err
	}
	s := newStream(l, l.nextOpen, true)
	l.nextOpen += 2
	l.open++
	l.streams[s.id] = s
	l.stats.StreamsOpened++
	return s, nil
}

func (l *link) Accept(ctx context.Context) (transport.Stream, error) {
	l.wire.mu.Lock()
	defer l.wire.mu.Unlock()
	if err := l.wait(ctx, func() bool { return len(l.arrived) > 0 }); err != nil {
		return nil, err
	}
	s := l.arrived[0]
	l.arrived[0] = nil
	l.arrived = l.arrived[1:]
	l.stats.StreamsAccepted++
	return s, nil
}

func (l *link) SendDatagram(b []byte) error {
	if len(b) > transport.MaxDatagram {
		return &transport.DatagramTooLargeError{Size: len(b), Limit: transport.MaxDatagram}
	}
	l.wire.mu.Lock()
	defer l.wire.mu.Unlock()
	if l.ended() {
		return l.cause
	}
	l.stats.DatagramsSent++
	l.send(&event{kind: datagram, data: append([]byte(nil), b...)})
	return nil
}

func (l *link) ReceiveDatagram(ctx context.Context) ([]byte, error) {
	l.wire.mu.Lock()
	defer l.wire.mu.Unlock()
	if err := l.wait(ctx, func() bool { return len(l.inbox) > 0 }); err != nil {
		return nil, err
	}
	b := l.inbox[0]
	l.inbox[0] = nil
	l.inbox = l.inbox[1:]
	l.stats.DatagramsReceived++
	return b, nil
}

func (l *link) Close(cause error) error {
	l.wire.mu.Lock()
	defer l.wire.mu.Unlock()
	l.close(cause)
	return nil
}

func (l *link) Stats() transport.Stats {
	l.wire.mu.Lock()
	defer l.wire.mu.Unlock()
	stats := l.stats
	for _, lane := range l.wire.lanes {
		stats.RTT += lane.path.Delay + lane.path.Jitter/2
	}
	return stats
}

// What follows is called with the wire's lock held.

func (l *link) ended() bool { return l.cause != nil }

// wait waits until ready, or fails when the link or the context ends.
func (l *link) wait(ctx context.Context, ready func() bool) error {
	if ctx.Done() != nil {
		stop := context.AfterFunc(ctx, func() {
			l.wire.mu.Lock()
			defer l.wire.mu.Unlock()
			l.changed.Broadcast()
		})
		defer stop()
	}
	for {
		switch {
		case l.ended():
			return l.cause
		case ctx.Err() != nil:
			return ctx.Err()
		case ready():
			return nil
		}
		l.changed.Wait()
	}
}

// send puts an event on the wire, unless this end has ended.
func (l *link) send(e *event) {
	if l.ended() {
		return
	}
	l.stats.PacketsSent++
	l.stats.BytesSent += uint64(len(e.data) + overhead)
	l.wire.send(l.side, e)
}

// close ends this end, and tells the other one.
func (l *link) close(cause error) {
	if l.ended() {
		return
	}
	words := transport.FarewellOf(cause)
	l.send(&event{kind: farewell, code: words.Code, data: []byte(words.Reason)})
	l.end(transport.ClosedByUs(cause))
}

// end ends this end only.
func (l *link) end(cause error) {
	if l.ended() {
		return
	}
	l.cause = cause
	for _, s := range l.streams {
		s.abandon(cause)
	}
	l.streams, l.arrived, l.inbox = nil, nil, nil
	l.changed.Broadcast()
	l.cancel(cause)
	if l.node != nil {
		l.node.forget(l)
	}
	l.wire.settle()
}

// receive takes an event off the wire.
func (l *link) receive(e *event) {
	if l.ended() {
		return
	}
	l.stats.BytesReceived += uint64(len(e.data) + overhead)
	switch e.kind {
	case knock:
		l.knocked()
	case welcome:
		l.welcomed = true
		l.changed.Broadcast()
	case farewell:
		l.end(&transport.ClosedError{Code: e.code, Reason: string(e.data)})
	case absent:
		l.end(&transport.NetworkError{Op: "dial", Addr: l.remoteAddr, Err: errNobody})
	case datagram:
		l.deliver(e.data)
	case release:
		l.open--
		l.changed.Broadcast()
	default:
		l.forStream(e)
	}
}

// knocked looks for the listener that the dialler wants.
func (l *link) knocked() {
	listener := l.wire.network.listenerAt(l.localAddr)
	if listener == nil {
		l.send(&event{kind: absent})
		l.end(&transport.NetworkError{Op: "listen", Err: errNobody})
		return
	}
	l.node = listener.node
	l.send(&event{kind: welcome})
	listener.knocked(l)
}

func (l *link) deliver(b []byte) {
	if len(l.inbox) == datagramQueue {
		l.stats.DatagramsDropped++
		return
	}
	l.inbox = append(l.inbox, b)
	l.changed.Broadcast()
}

// forStream hands an event to its stream, which is a new one with its first.
// Streams that are released get nothing any more.
func (l *link) forStream(e *event) {
	s := l.streams[e.stream]
	if s == nil {
		if !e.first {
			return
		}
		s = newStream(l, e.stream, false)
		l.streams[s.id] = s
		l.arrived = append(l.arrived, s)
		l.changed.Broadcast()
	}
	s.receive(e)
}

// released drops a stream of which both directions have ended.
func (l *link) released(s *stream) {
	delete(l.streams, s.id)
	if s.opener {
		if !s.announced { // the peer has never heard of it
			l.open--
			l.changed.Broadcast()
		}
		return
	}
	l.send(&event{kind: release})
}
