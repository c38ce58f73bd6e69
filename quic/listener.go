package quic

import (
	"context"
	"errors"
	"net"
	"sync"

	quicgo "github.com/quic-go/quic-go"

	"github.com/project-iris/iris/transport"
)

// acceptQueue is how many links wait for Accept; more are turned away.
const acceptQueue = 128

var errQueueFull = &transport.ClosedError{Code: transport.CodeBusy, Reason: "too many links wait to be accepted"}

// A listener takes quic-go's connections as they come, since its own queue
// holds 32 and turns away what does not fit, and answers their hellos side by
// side.
type listener struct {
	transport *Transport
	socket    *socket
	quic      *quicgo.Listener
	up        chan *link

	ctx  context.Context // ends with Close, or with what made it of no more use
	stop context.CancelCauseFunc
	work sync.WaitGroup
}

// Listen implements transport.Transport.
func (t *Transport) Listen(ctx context.Context, addr string) (transport.Listener, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed {
		return nil, transport.ErrClosed
	}
	s := t.idleSocket(addr)
	if s == nil {
		var err error
		if s, err = t.openSocket(ctx, addr); err != nil {
			return nil, err
		}
	}
	quic, err := s.quic.Listen(t.mirror.ServerTLS(), t.incoming)
	if err != nil {
		return nil, &transport.NetworkError{Op: "listen", Addr: addr, Err: err}
	}
	s.listening = true
	t.use(s)
	l := &listener{transport: t, socket: s, quic: quic, up: make(chan *link, acceptQueue)}
	l.ctx, l.stop = context.WithCancelCause(context.Background())
	t.listeners[l] = struct{}{}
	l.work.Go(l.run)
	return l, nil
}

// idleSocket finds a socket at that address that a listener has left behind.
func (t *Transport) idleSocket(addr string) *socket {
	wanted, err := net.ResolveUDPAddr("udp", addr)
	if err != nil || wanted.Port == 0 {
		return nil
	}
	for _, s := range t.sockets {
		local := s.udp.LocalAddr().(*net.UDPAddr)
		sameHost := local.IP.Equal(wanted.IP) || (local.IP.IsUnspecified() && wanted.IP == nil)
		if !s.listening && local.Port == wanted.Port && sameHost {
			return s
		}
	}
	return nil
}

func (l *listener) Addr() string { return l.socket.udp.LocalAddr().String() }

func (l *listener) Accept(ctx context.Context) (transport.Link, error) {
	if l.ctx.Err() != nil {
		return nil, context.Cause(l.ctx)
	}
	select {
	case up := <-l.up:
		return up, nil
	case <-l.ctx.Done():
		return nil, context.Cause(l.ctx)
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// Close implements transport.Listener.
func (l *listener) Close() error {
	l.stop(transport.ErrClosed)
	_ = l.quic.Close()
	l.work.Wait()
	l.transport.mu.Lock()
	if _, first := l.transport.listeners[l]; first {
		delete(l.transport.listeners, l)
		l.socket.listening = false
	}
	l.transport.mu.Unlock()
	for {
		select {
		case up := <-l.up:
			_ = up.Close(nil)
		default:
			return nil
		}
	}
}

// run accepts connections until the listener or its socket is closed.
func (l *listener) run() {
	for {
		conn, err := l.quic.Accept(context.Background())
		if err != nil {
			l.end(err)
			return
		}
		l.work.Go(func() { l.welcome(conn) })
	}
}

// end takes in why quic-go accepts no more. Unless the listener was closed it is
// the end of the socket, and a new listener needs another one at its address.
func (l *listener) end(err error) {
	if errors.Is(err, quicgo.ErrServerClosed) {
		l.stop(transport.ErrClosed)
		return
	}
	l.transport.discard(l.socket)
	l.stop(&transport.NetworkError{Op: "listen", Addr: l.Addr(), Err: err})
}

// welcome answers a connection's hello and queues the link. The gate bounds how
// many of these run.
func (l *listener) welcome(conn *quicgo.Conn) {
	pass := passOf(conn)
	up, err := l.transport.admit(l.socket, conn, transport.PeerID{})
	if err != nil {
		pass.fail(err)
		dismiss(conn)
		return
	}
	if err := up.answer(l.ctx, l.transport.config.Versions); err != nil {
		pass.fail(err)
		_ = up.Close(farewell(err))
		return
	}
	pass.succeed()
	l.transport.warnings.check(l.socket, conn)
	select {
	case l.up <- up:
	default:
		_ = up.Close(errQueueFull)
	}
}
