package peers

import (
	"context"
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

// keep dials a node whenever there is no link to it. The wait between tries doubles,
// also between those that make links which do not last.
func (ps *Peers) keep(ctx context.Context, id transport.PeerID, w *want) {
	wait := time.Duration(0)
	if !ps.decidesOver(id) {
		wait = redialMin // that the decider dials first avoids crossing
	}
	for sleep(ctx, wait+jitter(wait)) == nil {
		begin := time.Now()
		if _, err := ps.Dial(ctx, w.addr, id); err != nil {
			ps.log.Debug("cannot reach a node", "peer", id.Short(), "addr", w.addr, "err", err)
		} else if ps.awaitLoss(ctx, id, w) != nil {
			return
		} else if time.Since(begin) >= steady {
			wait = 0
		}
		wait = min(max(2*wait, redialMin), redialMax)
	}
}

// awaitLoss waits until there is no link to a node.
func (ps *Peers) awaitLoss(ctx context.Context, id transport.PeerID, w *want) error {
	for ps.Get(id) != nil {
		select {
		case <-w.lost:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

// jitter spreads waits, so that nodes which lost each other do not return in step.
func jitter(d time.Duration) time.Duration {
	if d == 0 {
		return 0
	}
	return rand.N(d)
}
