package peers

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"github.com/project-iris/iris/transport"
	"github.com/project-iris/iris/transport/backoff"
)

// target is a node that a link can be made to.
type target struct {
	addr    string
	cancel  context.CancelFunc // of the dial under way
	dialing chan struct{}      // closed when it has ended; nil: there is none
	began   time.Time          // when it did
	err     error              // why the last one failed
	waits   backoff.Backoff    // that lead to next
	next    time.Time          // no dial before
	broke   time.Time          // when the path of a link has failed; zero: never
}

// Meet notes at which address a node is. Another address for the same node takes the place
// of the old one, and has what failed at that one forgotten.
func (ps *Peers) Meet(id transport.PeerID, addr string) {
	ps.mu.Lock()
	defer ps.mu.Unlock()
	old := ps.targets[id]
	if ps.closed || id == ps.config.Self || old != nil && old.addr == addr {
		return
	}
	if old != nil {
		old.cancel()
	}
	ps.targets[id] = &target{
		addr: addr, cancel: func() {}, waits: backoff.Backoff{Least: redialMin, Most: redialMax},
	}
}

// Forget forgets where a node is, and ends a dial of it. A link that is up stays.
func (ps *Peers) Forget(id transport.PeerID) {
	ps.mu.Lock()
	defer ps.mu.Unlock()
	if t := ps.targets[id]; t != nil {
		t.cancel()
		delete(ps.targets, id)
	}
}

// Want begins to make a link to a node that was met, unless there is one, or one is being
// made, or the last try has failed a short while ago: the wait between tries doubles from
// [redialMin] to [redialMax], or to [redialLost] where the path of a link has failed lately. It does
// not wait for the link. It returns [ErrNoLink] if none is being made, with the reason of the last
// failure.
func (ps *Peers) Want(id transport.PeerID) error {
	ps.mu.Lock()
	defer ps.mu.Unlock()
	_, err := ps.want(id)
	return err
}

// Connect returns the link to a node that was met, as soon as there is one. It fails as Want
// does, with the context, and with [ErrClosed]; and when the dial takes longer than the
// patience, also for those who come later.
func (ps *Peers) Connect(ctx context.Context, id transport.PeerID, patience time.Duration) (*Peer, error) {
	for {
		ps.mu.Lock()
		p, changed := ps.active[id], ps.changed
		t, err := ps.want(id)
		ps.mu.Unlock()
		switch {
		case p != nil && p.ended():
			if err := p.awaitEnd(ctx); err != nil {
				return nil, err
			}
			continue
		case p != nil:
			return p, p.awaitUse(ctx)
		case err != nil:
			return nil, err
		}
		if err := awaitDial(ctx, t, changed, patience); err != nil {
			return nil, err
		}
	}
}

// Reachable reports whether there is a link to a node, or one can be made as far as is known:
// neither the last link was lost nor the last try has failed.
func (ps *Peers) Reachable(id transport.PeerID) bool {
	ps.mu.Lock()
	defer ps.mu.Unlock()
	t := ps.targets[id]
	return ps.active[id] != nil || t != nil && t.err == nil
}

// awaitUse waits until the handler knows a link.
func (p *Peer) awaitUse(ctx context.Context) error {
	select {
	case <-p.used:
		return nil
	case <-p.Context().Done():
		return noLink(context.Cause(p.Context()))
	case <-ctx.Done():
		return ctx.Err()
	}
}

// awaitEnd waits until nothing of a link that has ended is worked on any more.
func (p *Peer) awaitEnd(ctx context.Context) error {
	select {
	case <-p.over:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// awaitDial waits for news of a dial.
func awaitDial(ctx context.Context, t target, changed <-chan struct{}, patience time.Duration) error {
	timer := time.NewTimer(time.Until(t.began.Add(patience)))
	defer timer.Stop()
	select {
	case <-changed:
	case <-t.dialing:
	case <-timer.C:
		return ErrNoLink
	case <-ctx.Done():
		return ctx.Err()
	}
	return nil
}

// want is Want. It returns the dial under way, if there is one. The lock is held.
func (ps *Peers) want(id transport.PeerID) (target, error) {
	t := ps.targets[id]
	switch {
	case ps.closed:
		return target{}, ErrClosed
	case ps.active[id] != nil:
		return target{}, nil
	case t == nil:
		return target{}, ErrNoLink
	case t.dialing == nil && time.Now().Before(t.next):
		return *t, noLink(t.err)
	case t.dialing == nil:
		ctx, cancel := context.WithCancel(ps.ctx)
		t.cancel, t.dialing, t.began = cancel, make(chan struct{}), time.Now()
		ps.work.Go(func() { ps.pursue(ctx, id, t) })
	}
	return *t, nil
}

// pursue dials a node once, when there are few others that are dialled.
func (ps *Peers) pursue(ctx context.Context, id transport.PeerID, t *target) {
	err := ps.turn(ctx)
	if err == nil {
		_, err = ps.Dial(ctx, t.addr, id)
		<-ps.dials
	}
	if err != nil {
		ps.log.Debug("cannot reach a node", "peer", id.Short(), "addr", t.addr, "err", err)
	}
	ps.mu.Lock()
	defer ps.mu.Unlock()
	t.cancel()
	close(t.dialing)
	t.dialing, t.err = nil, err
	if err != nil {
		t.rest()
	}
}

// turn waits for a turn to dial.
func (ps *Peers) turn(ctx context.Context) error {
	select {
	case ps.dials <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// rest makes the next dial wait longer than the last one, and at random, so that nodes which lost
// each other do not return in step. The lock of the peers is held.
func (t *target) rest() {
	wait := t.waits.Next()
	if time.Since(t.broke) < lostFor {
		wait = min(wait, redialLost)
	}
	t.next = time.Now().Add(wait + rand.N(wait))
}

// lost notes that a link has ended, which has lasted so long: one that is lost soon, and not in
// good order, is not made again in a hurry, and only where its path has failed in a few seconds. One
// that the other node has ended is not: it may do so again and again, as one whose id another node
// has (see [Contest]). The lock of the peers is held.
func (t *target) lost(lasted time.Duration, cause error) {
	switch t.err = cause; {
	case InGoodOrder(cause):
		t.err = nil
	case errors.Is(cause, transport.ErrNetwork):
		t.broke = time.Now()
	}
	if t.err == nil || lasted >= steady {
		t.waits.Reset()
		t.next = time.Time{}
	} else {
		t.rest()
	}
}

// InGoodOrder reports whether the cause of the end of a link is that nobody had use for it, or
// that one of its nodes ends.
func InGoodOrder(cause error) bool {
	closed, ok := errors.AsType[*transport.ClosedError](cause)
	return errors.Is(cause, transport.ErrClosed) || ok && closed.Code == transport.CodeNone
}
