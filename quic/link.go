package quic

import (
	"context"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"

	quicgo "github.com/quic-go/quic-go"

	"github.com/project-iris/iris/transport"
	"github.com/project-iris/iris/transport/identity"
)

// A link is a connection whose peer has proved who it is.
type link struct {
	conn    *quicgo.Conn
	peer    transport.PeerID
	key     string
	remote  netip.AddrPort
	version uint16 // set by the exchange of hellos, before the link is up
	outbox  outbox
	pulse   pulse
	watch   watch
	doubt   doubt

	ctx    context.Context // ends with the cause in the contract's terms
	cancel context.CancelCauseFunc

	opened, accepted, datagrams atomic.Uint64

	mu      sync.Mutex
	closing error // the cause, once this side has begun to close
}

func newLink(t *Transport, s *socket, conn *quicgo.Conn, peer identity.Peer) *link {
	l := &link{conn: conn, peer: peer.ID, key: peer.Key, remote: unmapped(conn.RemoteAddr().(*net.UDPAddr))}
	l.outbox.conn = conn
	l.ctx, l.cancel = context.WithCancelCause(context.Background())
	l.watch = watch{transport: t, link: l, socket: s, busy: make(chan struct{}, 1)}
	l.pulse.start(conn, t.config.KeepAlive, l.watch.look)
	return l
}

func (l *link) Peer() transport.PeerID   { return l.peer }
func (l *link) NetworkKey() string       { return l.key }
func (l *link) Version() uint16          { return l.version }
func (l *link) LocalAddr() string        { return l.conn.LocalAddr().String() }
func (l *link) RemoteAddr() string       { return l.conn.RemoteAddr().String() }
func (l *link) Context() context.Context { return l.ctx }

func (l *link) Open(ctx context.Context) (transport.Stream, error) {
	s, err := l.open(ctx)
	if err != nil {
		return nil, err
	}
	l.opened.Add(1)
	return s, nil
}

func (l *link) open(ctx context.Context) (*stream, error) {
	s, err := l.conn.OpenStreamSync(ctx)
	if err != nil {
		return nil, l.meaning(err)
	}
	return &stream{link: l, quic: s}, nil
}

func (l *link) Accept(ctx context.Context) (transport.Stream, error) {
	s, err := l.accept(ctx)
	if err != nil {
		return nil, err
	}
	l.accepted.Add(1)
	return s, nil
}

func (l *link) accept(ctx context.Context) (*stream, error) {
	s, err := l.conn.AcceptStream(ctx)
	if err != nil {
		if !isContext(err) {
			l.over()
		}
		return nil, l.meaning(err)
	}
	return &stream{link: l, quic: s}, nil
}

func (l *link) SendDatagram(b []byte) error {
	if len(b) > transport.MaxDatagram {
		return &transport.DatagramTooLargeError{Size: len(b), Limit: transport.MaxDatagram}
	}
	if err := l.failure(); err != nil {
		return err
	}
	l.outbox.push(b)
	return nil
}

func (l *link) ReceiveDatagram(ctx context.Context) ([]byte, error) {
	for {
		b, err := l.conn.ReceiveDatagram(ctx)
		if err != nil {
			return nil, l.meaning(err)
		}
		if len(b) > 0 && b[0] == userDatagram {
			l.datagrams.Add(1)
			return b[1:], nil
		}
	}
}

func (l *link) Close(cause error) error {
	l.mu.Lock()
	if l.closing == nil && l.conn.Context().Err() == nil {
		l.closing = transport.ClosedByUs(cause)
	}
	l.mu.Unlock()
	words := transport.FarewellOf(cause)
	_ = l.conn.CloseWithError(quicgo.ApplicationErrorCode(words.Code), words.Reason)
	l.finish()
	return nil
}

// over ends the link's context, with the cause, when nothing can be accepted any
// more: whoever learns of the end in that way looks there for the reason. quic-go
// ends streams a moment before the connection.
func (l *link) over() {
	<-l.conn.Context().Done()
	l.cancel(l.failure())
}

// finish ends the link's context once the connection has ended, and waits for
// its goroutines. It may be called by several at once.
func (l *link) finish() {
	l.cancel(l.failure())
	l.outbox.draining.Wait()
	l.pulse.stop()
	l.watch.trying.Wait() // nothing begins any more without a pulse
}

// failure is why the link has ended, or nil.
func (l *link) failure() error {
	if l.conn.Context().Err() == nil {
		return nil
	}
	return l.meaning(context.Cause(l.conn.Context()))
}

// meaning puts an error of the connection into the contract's terms.
func (l *link) meaning(err error) error {
	if isContext(err) && l.conn.Context().Err() == nil {
		return err
	}
	l.mu.Lock()
	closing := l.closing
	l.mu.Unlock()
	if closing != nil {
		return closing
	}
	return meaning("link", l.RemoteAddr(), err)
}

func (l *link) Stats() transport.Stats {
	quic := l.conn.ConnectionStats()
	stats := transport.Stats{
		RTT:               quic.SmoothedRTT,
		BytesSent:         quic.BytesSent,
		BytesReceived:     quic.BytesReceived,
		PacketsSent:       quic.PacketsSent,
		PacketsLost:       quic.PacketsLost,
		DatagramsReceived: l.datagrams.Load(),
		StreamsOpened:     l.opened.Load(),
		StreamsAccepted:   l.accepted.Load(),
	}
	l.outbox.count(&stats)
	return stats
}
