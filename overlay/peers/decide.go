package peers

import (
	"bytes"
	"context"
	"time"

	"github.com/project-iris/iris/transport"
)

// decidesOver reports whether this node decides which link to another is used.
func (ps *Peers) decidesOver(id transport.PeerID) bool {
	return bytes.Compare(ps.config.Self[:], id[:]) < 0
}

func (ps *Peers) decides(p *Peer) bool { return ps.decidesOver(p.id) }

// bringUp brings a link that is up into use, or to its end.
func (ps *Peers) bringUp(p *Peer) {
	switch {
	case p.isBulk():
		if p.dialed {
			sayBulk(p)
		}
		return
	case ps.decides(p):
		ps.decide(p)
		return
	case p.dialed:
		ps.state(p)
	}
	awaitUse(p)
}

// decide takes a link into use, or closes it as a duplicate.
func (ps *Peers) decide(p *Peer) {
	for {
		old := ps.Get(p.id)
		if old != nil && !hasLost(p, old) {
			if !p.isBulk() {
				p.link.Close(errDuplicate)
			}
			return
		}
		if ps.use(p, old) {
			break
		}
		if p.ended() {
			return
		}
	}
	ctx, cancel := context.WithTimeout(p.Context(), useTimeout)
	defer cancel()
	s, err := p.Open(ctx, KindControl)
	if err != nil {
		p.link.Close(err)
		return
	}
	p.streams.Go(func() { ps.handle(p, KindControl, s) })
}

// hasLost reports whether the peer that has made the link p has lost the old one, which
// this side has in use. It waits for what the peer says even where that decides
// nothing: a link that was closed sooner might be none yet to the peer, which then
// would not learn whom it has dialled.
func hasLost(p, old *Peer) bool {
	crossed := time.Since(old.since) < crossing
	if old.ended() {
		return true
	}
	if p.dialed {
		return false
	}
	timer := time.NewTimer(useTimeout)
	defer timer.Stop()
	select {
	case other := <-p.other:
		return !other && !crossed
	case <-old.Context().Done():
		return true
	case <-p.adopted:
		return false
	case <-p.Context().Done():
		return false
	case <-timer.C:
		return false
	}
}

// obey takes a link into use that the peer has decided on.
func (ps *Peers) obey(p *Peer) {
	for !p.ended() && !ps.use(p, ps.Get(p.id)) {
	}
}

// use takes a link into use in the place of the old one, nil for none. It reports
// whether it did: not when the link has ended, or when old is not the one in use. The
// handler hears of it when all is over with the link before.
func (ps *Peers) use(p, old *Peer) bool {
	before, ok := ps.replace(p, old)
	if !ok {
		return false
	}
	if old != nil {
		ps.work.Go(func() { old.link.Close(p.displacing()) })
	}
	if before != nil {
		<-before.over
	}
	ps.config.Handler.LinkUp(p)
	close(p.used)
	return true
}

// replace makes a link the one in use. It returns the one before, which may have ended
// and not be over yet.
func (ps *Peers) replace(p, old *Peer) (before *Peer, ok bool) {
	ps.mu.Lock()
	defer ps.mu.Unlock()
	if ps.active[p.id] != old || p.ended() {
		return nil, false
	}
	before = ps.last[p.id]
	p.since = time.Now()
	ps.active[p.id], ps.last[p.id] = p, p
	close(ps.changed)
	ps.changed = make(chan struct{})
	return before, true
}

// state says to the decider whether this node has another link to it.
func (ps *Peers) state(p *Peer) {
	kind := kindLost
	if ps.Get(p.id) != nil {
		kind = kindSpare
	}
	ctx, cancel := context.WithTimeout(p.Context(), useTimeout)
	defer cancel()
	s, err := p.Open(ctx, kind)
	if err != nil {
		return // awaitUse closes a link that comes to nothing
	}
	_ = s.CloseWrite()
	s.CancelRead(transport.CodeNone)
}

// learn takes what state has said.
func (ps *Peers) learn(p *Peer, kind Kind, s transport.Stream) {
	if p.dialed || !ps.decides(p) || p.stated.Swap(true) {
		s.Reset(transport.CodeProtocol)
		return
	}
	p.other <- kind == kindSpare
	s.Reset(transport.CodeNone)
}

// awaitUse closes a link that the peer does not take into use.
func awaitUse(p *Peer) {
	timer := time.NewTimer(useTimeout)
	defer timer.Stop()
	select {
	case <-p.used:
	case <-p.adopted:
	case <-p.Context().Done():
	case <-timer.C:
		p.link.Close(errNotUsed)
	}
}
