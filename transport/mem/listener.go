package mem

import (
	"context"
	"errors"
	"sync"

	"github.com/project-iris/iris/transport"
	"github.com/project-iris/iris/transport/hello"
)

const (
	maxHandshakes = 1024 // a listener has underway; more are turned away
	acceptQueue   = 128  // links that wait for Accept; more are turned away
)

// A listener is where a node can be dialled.
type listener struct {
	node *Transport
	addr string
	stop context.CancelFunc
	ctx  context.Context
	up   chan *link
	done sync.WaitGroup

	mu       sync.Mutex // taken after a wire's lock
	underway int        // handshakes
	closed   bool
}

func newListener(t *Transport, addr string) *listener {
	l := &listener{node: t, addr: addr, up: make(chan *link, acceptQueue)}
	l.ctx, l.stop = context.WithCancel(context.Background())
	return l
}

func (l *listener) Addr() string { return l.addr }

func (l *listener) Accept(ctx context.Context) (transport.Link, error) {
	if l.ctx.Err() != nil {
		return nil, transport.ErrClosed
	}
	select {
	case up := <-l.up:
		return up, nil
	case <-l.ctx.Done():
		return nil, transport.ErrClosed
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (l *listener) Close() error {
	l.node.network.mu.Lock()
	if l.node.network.listeners[l.addr] == l {
		delete(l.node.network.listeners, l.addr)
	}
	l.node.network.mu.Unlock()
	l.mu.Lock()
	l.closed = true
	l.mu.Unlock()
	l.stop()
	l.done.Wait()
	for {
		select {
		case up := <-l.up:
			_ = up.Close(nil)
		default:
			return nil
		}
	}
}

// knocked begins the handshake of a link that arrives. The wire's lock is held.
func (l *listener) knocked(arriving *link) {
	if !l.admit() {
		arriving.node = nil
		arriving.close(&transport.ClosedError{Code: transport.CodeBusy, Reason: "too many handshakes"})
		return
	}
	if !l.node.adopt(arriving) {
		arriving.node = nil
		arriving.close(nil)
		l.dismiss()
		return
	}
	go l.shake(arriving)
}

// admit counts a handshake in.
func (l *listener) admit() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed || l.underway == maxHandshakes {
		return false
	}
	l.underway++
	l.done.Add(1)
	return true
}

func (l *listener) dismiss() {
	l.mu.Lock()
	l.underway--
	l.mu.Unlock()
	l.done.Done()
}

// shake does the acceptor's side of a handshake and queues the link.
func (l *listener) shake(arriving *link) {
	defer l.node.work.Done()
	defer l.dismiss()
	ctx, cancel := context.WithTimeout(l.ctx, hello.Timeout)
	defer cancel()
	err := arriving.answer(ctx, l.node.versions)
	if errors.Is(err, transport.ErrVersion) {
		_ = arriving.Close(err)
		return
	}
	if err != nil {
		_ = arriving.Close(&transport.ClosedError{Code: transport.CodeProtocol, Reason: "no hello"})
		return
	}
	select {
	case l.up <- arriving:
	default:
		_ = arriving.Close(&transport.ClosedError{Code: transport.CodeBusy, Reason: "too many links wait to be accepted"})
	}
}
