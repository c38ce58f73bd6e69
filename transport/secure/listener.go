package secure

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"sync"
	"time"

	"github.com/project-iris/iris/transport"
	"github.com/project-iris/iris/transport/backoff"
	"github.com/project-iris/iris/transport/strangers"
)

const (
	minRetry = 5 * time.Millisecond
	maxRetry = time.Second
)

var (
	errEvicted = errors.New("secure: made room for another handshake")
	errBusy    = &transport.ClosedError{Code: transport.CodeBusy, Reason: "too many links wait to be accepted"}
)

// A Listener accepts links as transport.Listener says. Its goroutines are one
// that accepts connections, and one for each unfinished handshake.
type Listener struct {
	endpoint *Endpoint
	inner    net.Listener
	links    chan *link    // those that are up; never full, as places bounds them
	places   chan struct{} // a place in the queue each, taken before the peer is told
	ctx      context.Context
	cancel   context.CancelCauseFunc
	running  sync.WaitGroup
	closed   chan struct{}
	once     sync.Once

	unfinished *strangers.Room // of those who have not proved yet that they are members
}

var _ transport.Listener = (*Listener)(nil)

// Listen makes links of the connections that inner accepts. The endpoint owns
// inner from now on.
func (e *Endpoint) Listen(inner net.Listener) (*Listener, error) {
	l := &Listener{
		endpoint: e,
		inner:    inner,
		links:    make(chan *link, e.config.Backlog),
		places:   make(chan struct{}, e.config.Backlog),
		closed:   make(chan struct{}),

		unfinished: strangers.NewRoom(e.config.MaxHandshakes),
	}
	l.ctx, l.cancel = context.WithCancelCause(context.Background())
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.closing {
		_ = inner.Close()
		return nil, transport.ErrClosed
	}
	e.ears[l] = struct{}{}
	l.running.Go(l.acceptLoop)
	return l, nil
}

// Addr returns where the listener listens.
func (l *Listener) Addr() string { return l.inner.Addr().String() }

// Accept waits for the next link.
func (l *Listener) Accept(ctx context.Context) (transport.Link, error) {
	for {
		if l.ctx.Err() != nil {
			return nil, context.Cause(l.ctx)
		}
		select {
		case up := <-l.links:
			<-l.places
			if up.Context().Err() != nil {
				continue // ended while it waited
			}
			return up, nil
		case <-l.ctx.Done():
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// Close stops accepting, closes the links that nobody has accepted, and
// returns when the listener's goroutines have ended.
func (l *Listener) Close() error {
	l.once.Do(func() {
		l.cancel(transport.ErrClosed)
		_ = l.inner.Close()
		l.running.Wait()
		l.closeWaiting()
		l.endpoint.mu.Lock()
		delete(l.endpoint.ears, l)
		l.endpoint.mu.Unlock()
		close(l.closed)
	})
	<-l.closed
	return nil
}

func (l *Listener) closeWaiting() {
	var closing sync.WaitGroup
	defer closing.Wait()
	for {
		select {
		case up := <-l.links:
			closing.Go(func() { _ = up.Close(nil) })
		default:
			return
		}
	}
}

// acceptLoop accepts connections until the listener is closed. Most errors of
// Accept pass, such as those of a process that has no file descriptors left:
// it tries again, less and less often.
func (l *Listener) acceptLoop() {
	retries := backoff.Backoff{Least: minRetry, Most: maxRetry}
	for {
		conn, err := l.inner.Accept()
		if err == nil {
			retries.Reset()
			l.begin(conn)
			continue
		}
		if l.ctx.Err() != nil {
			return
		}
		if errors.Is(err, net.ErrClosed) {
			l.cancel(&transport.NetworkError{Op: "listen", Addr: l.Addr(), Err: err})
			return
		}
		l.endpoint.refusals.Note(l.Addr(), err)
		select {
		case <-l.ctx.Done():
			return
		case <-time.After(retries.Next()):
		}
	}
}

// begin starts a handshake, and ends another one when there are too many.
func (l *Listener) begin(conn net.Conn) {
	ctx, cancel := context.WithCancelCause(l.ctx)
	raw := newCarrier(conn)
	seat := l.unfinished.Enter(conn.RemoteAddr(),
		func() bool { return raw.received.Load() > 0 },
		func() {
			l.endpoint.evicted.Add(1)
			cancel(errEvicted)
		})
	l.running.Go(func() {
		defer cancel(nil)
		defer l.unfinished.Leave(seat)
		l.handshake(ctx, raw, seat)
	})
}

// handshake makes a link of a connection and queues it, or writes down why not.
func (l *Listener) handshake(ctx context.Context, raw *carrier, seat *strangers.Seat) {
	addr := raw.RemoteAddr().String()
	up, err := l.accept(ctx, raw, addr, seat)
	switch {
	case err == nil:
		l.endpoint.own(up)
		l.links <- up
	case errors.Is(err, transport.ErrClosed):
	case errors.Is(err, transport.ErrNetwork) && !isSilent(err):
		// Someone looked whether the port is open, or lost the path.
	default:
		l.endpoint.refusals.Note(addr, err)
	}
}

func isSilent(err error) bool {
	failed, ok := errors.AsType[*transport.NetworkError](err)
	return ok && failed.Silent
}

// accept makes a link as the side that accepts. Who has got through TLS is a member, and
// bounded by the places in the queue from then on: strangers cannot have it make room.
func (l *Listener) accept(ctx context.Context, raw *carrier, addr string, seat *strangers.Seat) (*link, error) {
	up, err := l.endpoint.secure(ctx, raw, addr, func(raw net.Conn) *tls.Conn {
		return tls.Server(raw, l.endpoint.server)
	}, false)
	if err != nil {
		return nil, err
	}
	l.unfinished.Leave(seat)
	select {
	case l.places <- struct{}{}:
	default:
		_ = up.Close(errBusy)
		return nil, errBusy
	}
	if err := up.introduce(ctx, up.answer); err != nil {
		<-l.places
		return nil, err
	}
	return up, nil
}
