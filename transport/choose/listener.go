package choose

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"strings"
	"sync"
	"time"

	"github.com/project-iris/iris/transport"
	"github.com/project-iris/iris/transport/backoff"
	"github.com/project-iris/iris/transport/refusal"
)

// A listener is one of each transport.
type listener struct {
	parts    []*part // in the order of the transports
	addr     string
	accepted chan transport.Link // unbuffered: the queues are the transports'
	ctx      context.Context
	stop     context.CancelCauseFunc
	work     sync.WaitGroup // one goroutine a part
}

// A part is what listens over one transport. Its goroutine owns the listener.
type part struct {
	transport transport.Transport
	addr      string // where to listen again: what was asked for, the port filled in
	listener  transport.Listener
	closing   error // of the listener's Close

	losses, failures refusal.Throttle // of lines about that it listens no more, and not yet again

	mu   sync.Mutex
	loss *Loss // nil: it listens
}

// A Loss is a transport over which nobody can dial this node for the moment,
// though it should listen. It is opened again.
type Loss struct {
	Scheme string
	Addr   string
	Since  time.Time
	Err    error // why it listens no more, or could not be opened again
}

// LossesOf returns the transports of a listener of this package that do not
// listen, none for other listeners.
func LossesOf(l transport.Listener) []Loss {
	chosen, ok := l.(*listener)
	if !ok {
		return nil
	}
	var losses []Loss
	for _, p := range chosen.parts {
		p.mu.Lock()
		if p.loss != nil {
			losses = append(losses, *p.loss)
		}
		p.mu.Unlock()
	}
	return losses
}

// Listen listens on all transports, and fails if one of them does. If the
// address has port 0, the transports share the port that the first one gets if
// it is free for them too; the listener's address says what they have.
//
// A transport that stops listening later leaves the others as they are. It is
// opened again at its address, see [LossesOf].
func (t *Transport) Listen(ctx context.Context, addr string) (transport.Listener, error) {
	if err := t.begin(); err != nil {
		return nil, err
	}
	defer t.work.Done()
	l := &listener{accepted: make(chan transport.Link)}
	l.ctx, l.stop = context.WithCancelCause(context.Background())
	var full []string
	for _, one := range t.config.Transports {
		made, err := listenNear(ctx, one, addr, l.parts)
		if err != nil {
			for _, p := range l.parts {
				_ = p.listener.Close()
			}
			return nil, err
		}
		l.parts = append(l.parts, &part{transport: one, addr: withPort(addr, made.Addr()), listener: made})
		full = append(full, transport.JoinAddr(one.Scheme(), made.Addr()))
	}
	l.addr = strings.Join(full, ",")
	for _, p := range l.parts {
		l.work.Go(func() { l.run(p, t.config.Logger) })
	}
	return l, nil
}

// listenNear listens at the port of the parts before, if any port will do.
func listenNear(ctx context.Context, t transport.Transport, addr string, before []*part) (transport.Listener, error) {
	if len(before) == 0 {
		return t.Listen(ctx, addr)
	}
	if near := withPort(addr, before[0].listener.Addr()); near != addr {
		if made, err := t.Listen(ctx, near); err == nil {
			return made, nil
		}
	}
	return t.Listen(ctx, addr)
}

// withPort puts the port of a listener in the place of port 0.
func withPort(addr, listening string) string {
	host, port, err := net.SplitHostPort(addr)
	if err != nil || port != "0" {
		return addr
	}
	_, port, err = net.SplitHostPort(listening)
	if err != nil {
		return addr
	}
	return net.JoinHostPort(host, port)
}

// Addr is the list of all addresses, each with its scheme.
func (l *listener) Addr() string { return l.addr }

func (l *listener) Accept(ctx context.Context) (transport.Link, error) {
	select {
	case link := <-l.accepted:
		return link, nil
	case <-l.ctx.Done():
		return nil, context.Cause(l.ctx)
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (l *listener) Close() error {
	l.stop(transport.ErrClosed)
	l.work.Wait()
	var failures []error
	for _, p := range l.parts {
		failures = append(failures, p.closing)
	}
	return errors.Join(failures...)
}

// run keeps a part listening until the listener is closed, or the transport is.
func (l *listener) run(p *part, log *slog.Logger) {
	defer func() { p.closing = p.listener.Close() }()
	pauses := backoff.Backoff{Least: firstPause, Most: maxPause}
	for {
		begin := time.Now()
		err := l.forward(p)
		if l.ctx.Err() != nil || errors.Is(err, transport.ErrClosed) {
			l.stop(transport.ErrClosed)
			return
		}
		if time.Since(begin) >= steady {
			pauses.Reset()
		}
		if !l.reopen(p, err, &pauses, log) {
			return
		}
	}
}

// forward hands the links that a part accepts to Accept, until the part fails.
func (l *listener) forward(p *part) error {
	for {
		accepted, err := p.listener.Accept(l.ctx)
		if err != nil {
			return err
		}
		select {
		case l.accepted <- &link{accepted, p.transport.Scheme()}:
		case <-l.ctx.Done():
			_ = accepted.Close(nil)
			return l.ctx.Err()
		}
	}
}
