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

// Leave takes this member out of its cluster, as [Conn.Leave] does: whoever dials from then
// on gets another one, and Accept returns what is on its way. Whoever wants to lose none
// of these calls Leave, goes on to accept for a moment, and then calls Close.
func (l *Listener) Leave(ctx context.Context) error {
	if err := l.conn.Leave(ctx); err != nil {
		return l.opError("leave", err)
	}
	return nil
}

// Close leaves the cluster and accepts nothing more: streams that Accept has not returned
// are reset. Those that it has returned go on. When the last of them is closed, or at once
// if there is none, this member detaches as [Conn.Close] does. Errors are those of
// [Conn.Leave], or of [Conn.Close] if no stream is open.
//
// Further calls return net.ErrClosed.
func (l *Listener) Close() error {
	if !l.shut() {
		return l.opError("close", errStreamClosed)
	}
	if !l.done() {
		err := l.conn.Leave(context.Background())
		if err == nil {
			return nil
		}
		if !l.done() { // else it is the end of the connection that was in the way
			return l.opError("close", err)
		}
	}
	return l.conn.Close()
}

// shut accepts nothing more. It returns false if that was said before.
func (l *Listener) shut() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return false
	}
	l.closed = true
	close(l.closing)
	return true
}

// done reports whether the listener is closed and has no stream left.
func (l *Listener) done() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.closed && l.open == 0
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
	select {
	case <-l.closing:
		_ = t.RefuseStream(ctx, reasonClosed) // the tunnel is closed anyway
		return nil, errStreamClosed
	default:
		return t.AcceptStream(ctx)
	}
}
