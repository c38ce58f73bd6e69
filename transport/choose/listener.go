package choose

import (
	"context"
	"errors"
	"net"
	"strings"
	"sync"

	"github.com/project-iris/iris/transport"
)

// A listener is one of each transport.
type listener struct {
	listeners []transport.Listener // in the order of the transports
	addr      string
	accepted  chan transport.Link // unbuffered: the queues are the transports'
	ctx       context.Context
	stop      context.CancelCauseFunc
	work      sync.WaitGroup
}

// Listen listens on all transports, and fails if one of them does. If the
// address has port 0, the transports share the port that the first one gets if
// it is free for them too; the listener's address says what they have.
func (t *Transport) Listen(ctx context.Context, addr string) (transport.Listener, error) {
	if err := t.begin(); err != nil {
		return nil, err
	}
	defer t.work.Done()
	l := &listener{accepted: make(chan transport.Link)}
	l.ctx, l.stop = context.WithCancelCause(context.Background())
	var full []string
	for _, one := range t.config.Transports {
		made, err := listenNear(ctx, one, addr, l.listeners)
		if err != nil {
			_ = l.Close()
			return nil, err
		}
		l.listeners = append(l.listeners, made)
		full = append(full, transport.JoinAddr(one.Scheme(), made.Addr()))
	}
	l.addr = strings.Join(full, ",")
	for i, one := range l.listeners {
		l.work.Go(func() { l.run(one, t.config.Transports[i].Scheme()) })
	}
	return l, nil
}

// listenNear listens at the port of the listeners before, if any port will do.
func listenNear(ctx context.Context, t transport.Transport, addr string, before []transport.Listener) (transport.Listener, error) {
	host, port, err := net.SplitHostPort(addr)
	if err != nil || port != "0" || len(before) == 0 {
		return t.Listen(ctx, addr)
	}
	if _, port, err = net.SplitHostPort(before[0].Addr()); err == nil {
		if made, err := t.Listen(ctx, net.JoinHostPort(host, port)); err == nil {
			return made, nil
		}
	}
	return t.Listen(ctx, addr)
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
	var failures []error
	for _, one := range l.listeners {
		failures = append(failures, one.Close())
	}
	l.work.Wait()
	return errors.Join(failures...)
}

// run passes on what one listener accepts. One that fails ends all, so that
// somebody learns of it.
func (l *listener) run(one transport.Listener, scheme string) {
	for {
		accepted, err := one.Accept(l.ctx)
		if err != nil {
			l.stop(err)
			return
		}
		select {
		case l.accepted <- &link{accepted, scheme}:
		case <-l.ctx.Done():
			_ = accepted.Close(nil)
			return
		}
	}
}
