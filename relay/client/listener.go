package client

import (
	"context"
	"net"
	"sync"
)

// Listener accepts the streams that others open to this member of a cluster with
// [Conn.Dial]. Anyone may call any method at any time.
//
// As many as [Config].Tunnels may be open or wait for Accept; those beyond are closed
// at once and counted in [Stats].RefusedTunnels. Who opens a tunnel and speaks no
// stream is told why it is refused, and counted in [Stats].RefusedStreams; one who says
// nothing has [Config].Timeout for it.
type Listener struct {
	conn     *Conn
	addr     Addr
	accepted chan *Stream  // streams on their way to Accept
	closing  chan struct{} // closed when Close is called

	mu     sync.Mutex
	closed bool
	open   int // streams that Accept has returned and that are not closed
}

var _ net.Listener = (*Listener)(nil)

// Listen attaches a member of a cluster that accepts streams and does nothing else.
// Errors are those of [Register].
func Listen(ctx context.Context, cluster string, config Config) (*Listener, error) {
	l := newListener(cluster)
	conn, err := Register(ctx, cluster, Service{Tunnel: l.serve}, config)
	if err != nil {
		return nil, err
	}
	l.conn = conn
	return l, nil
}

func newListener(cluster string) *Listener {
	return &Listener{
		addr:     Addr{Name: cluster},
		accepted: make(chan *Stream),
		closing:  make(chan struct{}),
	}
}

// Accept returns the next stream, a [*Stream]. Whoever accepts closes it. After Close
// it fails with net.ErrClosed; when the connection to the node is lost, with
// [ErrClosed] and the cause.
func (l *Listener) Accept() (net.Conn, error) {
	select {
	case s := <-l.accepted:
		if !l.enter() {
			_ = s.Reset(reasonClosed)
			return nil, l.opError("accept", errStreamClosed)
		}
		s.released = l.exit
		return s, nil
	case <-l.closing:
		return nil, l.opError("accept", errStreamClosed)
	case <-l.conn.Done():
		return nil, l.opError("accept", l.conn.Err())
	}
}

// Close accepts nothing more. Streams that were accepted go on. When the last of them
// is closed, or at once if there is none, this member detaches as [Conn.Close] does,
// and with its result. Until then it is in its cluster, and whoever dials it is refused
// with a reset: a service that wants to leave closes its streams soon.
//
// Further calls return net.ErrClosed.
func (l *Listener) Close() error {
	l.mu.Lock()
	if l.closed {
		l.mu.Unlock()
		return l.opError("close", errStreamClosed)
	}
	l.closed = true
	close(l.closing)
	last := l.open == 0
	l.mu.Unlock()
	if last {
		return l.conn.Close()
	}
	return nil
}

// Addr returns the name of the cluster, as an [Addr].
func (l *Listener) Addr() net.Addr { return l.addr }

// Conn returns the connection of this member to its node. Its Close ends the streams,
// too.
func (l *Listener) Conn() *Conn { return l.conn }

func (l *Listener) opError(op string, err error) error {
	return &net.OpError{Op: op, Net: l.addr.Network(), Addr: l.addr, Err: err}
}

// enter counts a stream that Accept returns. It returns false after Close.
func (l *Listener) enter() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return false
	}
	l.open++
	return true
}

// exit counts the end of a stream. The last one after Close detaches.
func (l *Listener) exit() {
	l.mu.Lock()
	l.open--
	last := l.closed && l.open == 0
	l.mu.Unlock()
	if last {
		_ = l.conn.Close() // its streams are closed: nobody is left to be told
	}
}

// reasonClosed refuses who dials a listener that is closed.
const reasonClosed = "the listener is closed"

// serve makes a stream of a tunnel, hands it to Accept, and returns when it is closed.
func (l *Listener) serve(t *Tunnel) {
	c := t.conn
	s, err := l.admit(t)
	if err != nil {
		c.count(&c.counters.refusedStreams, "stream refused", "reason", err)
		return
	}
	select {
	case l.accepted <- s:
	case <-l.closing:
		_ = s.Reset(reasonClosed)
		return
	case <-c.ctx.Done():
		return
	}
	select {
	case <-s.finished:
	case <-c.ctx.Done():
	}
}

// admit makes a stream of a tunnel that was accepted, or tells the other side why not.
func (l *Listener) admit(t *Tunnel) (*Stream, error) {
	ctx, cancel := context.WithTimeout(t.conn.ctx, t.conn.config.Timeout)
	defer cancel()
	s, err := newStream(t, l.addr, Addr{})
	if err != nil {
		return nil, err
	}
	select {
	case <-l.closing:
		_ = t.Send(ctx, resetRecord(reasonClosed)) // the tunnel is closed anyway
		return nil, errStreamClosed
	default:
		return s, s.answer(ctx)
	}
}
