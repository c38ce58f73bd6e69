package peers

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"github.com/project-iris/iris/transport"
)

// want is a node that a link is kept to.
type want struct {
	addr   string
	cancel context.CancelFunc
	lost   chan struct{} // holds one when the link has been lost
}

func (w *want) wake() {
	select {
	case w.lost <- struct{}{}:
	default:
	}
}

// Keep keeps a link to a node at an address, and dials again when it is lost, until
// Drop. Another address for the same node takes the place of the old one.
func (ps *Peers) Keep(id transport.PeerID, addr string) {
	ps.mu.Lock()
	defer ps.mu.Unlock()
	old := ps.wanted[id]
	if ps.closed || id == ps.config.Self || old != nil && old.addr == addr {
		return
	}
	if old != nil {
		old.cancel()
	}
	ctx, cancel := context.WithCancel(ps.ctx)
	w := &want{addr: addr, cancel: cancel, lost: make(chan struct{}, 1)}
	ps.wanted[id] = w
	ps.work.Go(func() { ps.keep(ctx, id, w) })
}

// Drop stops to keep a link to a node. A link that is up stays until it ends.
func (ps *Peers) Drop(id transport.PeerID) {
	ps.mu.Lock()
	defer ps.mu.Unlock()
	if w := ps.wanted[id]; w != nil {
		w.cancel()
		delete(ps.wanted, id)
	}
}

// keep dials a node whenever there is no link to it.
func (ps *Peers) keep(ctx context.Context, id transport.PeerID, w *want) {
	wait := time.Duration(0)
	if string(ps.config.Self[:]) > string(id[:]) {
		wait = redialMin // the other decides, so that it dials first avoids crossing
	}
	for {
		if sleep(ctx, wait+jitter(wait)) != nil {
			return
		}
		if ps.Get(id) == nil {
			if _, err := ps.Dial(ctx, w.addr, id); err != nil {
				wait = min(max(2*wait, redialMin), redialMax)
				continue
			}
		}
		wait = redialMin
		select {
		case <-w.lost:
		case <-ctx.Done():
			return
		}
	}
}

// jitter spreads waits, so that nodes which lost each other do not return in step.
func jitter(d time.Duration) time.Duration {
	if d == 0 {
		return 0
	}
	return rand.N(d)
}

// Dial makes a link to the node at an address, and returns it when it is in use. A
// zero id is any node; if there is a link to it already, that one is returned.
func (ps *Peers) Dial(ctx context.Context, addr string, id transport.PeerID) (*Peer, error) {
	ctx, cancel := context.WithTimeout(ctx, ps.config.DialTimeout)
	defer cancel()
	link, err := ps.config.Transport.Dial(ctx, addr, id)
	if err != nil {
		return nil, err
	}
	p, err := ps.add(link, true)
	if err != nil {
		return nil, err
	}
	select {
	case <-p.used:
		return p, nil
	case <-p.Context().Done():
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	if cause := context.Cause(p.Context()); !isDuplicate(cause) {
		return nil, cause
	}
	return ps.Await(ctx, p.id) // the other one
}

func isDuplicate(err error) bool {
	closed := (*transport.ClosedError)(nil)
	return errors.As(err, &closed) && closed.Code == CodeDuplicate
}
