package peers

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/project-iris/iris/transport"
)

// Bulk data goes over links of its own, so that it has queues of its own: on one link, a
// request waits behind all of the bulk data that is on its way, in the congestion window
// and in the queues of sockets and connections (docs/performance.md has the figures).
//
// A bulk link is dialled when a node opens the first stream for bulk data, lives as long
// as the link in use that it goes with, its main link, and is used by both nodes. To the
// handler all its streams are the main link's. Two nodes may have two, if both dial at
// once. Who cannot dial uses the main link.
const (
	// bulkPatience is how long the opening of a stream waits for a bulk link. It is at
	// most half of what the context leaves.
	bulkPatience = time.Second
	// bulkRetry is how long after a failure no other dial is tried.
	bulkRetry = 30 * time.Second
	// maxBulk is how many bulk links a main link may have: one dialled by each side.
	maxBulk = 2
)

// bulkLinks are those of a main link. Its methods are safe for concurrent use.
type bulkLinks struct {
	mu      sync.Mutex
	links   []*Peer
	dialing chan struct{} // closed when the dial under way has ended; nil: there is none
	failed  time.Time     // when the last dial did
	ended   bool          // the main link has ended
}

// OpenBulk is [Peer.Open] for much data: it opens the stream on a link to the same node
// that has nothing but bulk data, and makes that if there is none. Where that fails
// within a second, or half of the context's time, it opens the stream on the link itself.
// The stream ends with either.
func (ps *Peers) OpenBulk(ctx context.Context, p *Peer, kind Kind) (transport.Stream, error) {
	if b := ps.awaitBulk(ctx, p); b != nil {
		s, err := b.Open(ctx, kind)
		if err == nil || ctx.Err() != nil {
			return s, err
		}
	}
	return p.Open(ctx, kind)
}

// awaitBulk returns the bulk link of a main link, which it dials if there is none; nil if
// that is in vain.
func (ps *Peers) awaitBulk(ctx context.Context, p *Peer) *Peer {
	b, dialing := ps.findBulk(p)
	if b != nil || dialing == nil {
		return b
	}
	patience := bulkPatience
	if deadline, ok := ctx.Deadline(); ok {
		patience = min(patience, time.Until(deadline)/2)
	}
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case <-dialing:
	case <-timer.C:
	case <-ctx.Done():
	case <-p.Context().Done():
	}
	return p.bulk.get()
}

// findBulk returns a bulk link, or else a channel that is closed when there may be one;
// neither if there is no hope.
func (ps *Peers) findBulk(p *Peer) (*Peer, <-chan struct{}) {
	l := &p.bulk
	l.mu.Lock()
	defer l.mu.Unlock()
	if b := l.alive(); b != nil {
		return b, nil
	}
	if l.dialing != nil {
		return nil, l.dialing
	}
	addr := ps.addrOf(p)
	if l.ended || addr == "" || !l.failed.IsZero() && time.Since(l.failed) < bulkRetry {
		return nil, nil
	}
	dialing := make(chan struct{})
	if !ps.begin(func() { ps.dialBulk(p, addr); l.dialed(dialing) }) {
		return nil, nil
	}
	l.dialing = dialing
	return nil, dialing
}

// addrOf returns where a peer can be dialled, empty if that is not known.
func (ps *Peers) addrOf(p *Peer) string {
	if p.dialed {
		return p.addr
	}
	ps.mu.Lock()
	defer ps.mu.Unlock()
	if t := ps.targets[p.id]; t != nil {
		return t.addr
	}
	return ""
}

// begin starts a goroutine that Close waits for, and reports whether it did.
func (ps *Peers) begin(f func()) bool {
	ps.mu.Lock()
	defer ps.mu.Unlock()
	if !ps.closed {
		ps.work.Go(f)
	}
	return !ps.closed
}

// dialBulk makes a bulk link.
func (ps *Peers) dialBulk(p *Peer, addr string) {
	ctx, cancel := context.WithTimeout(ps.ctx, ps.config.DialTimeout)
	defer cancel()
	defer context.AfterFunc(p.Context(), cancel)()
	link, err := ps.config.Transport.Dial(ctx, addr, p.id)
	if err != nil {
		ps.log.Debug("no bulk link", "peer", p.id.Short(), "addr", addr, "err", err)
		return
	}
	b := newPeer(link, true)
	b.addr = addr
	if !p.bulk.add(p, b) {
		link.Close(errNoMain)
		return
	}
	if err := ps.enter(b); err != nil {
		link.Close(err)
		p.bulk.remove(b)
		close(b.over)
	}
}

// sayBulk says to the node that was dialled that this is a bulk link.
func sayBulk(b *Peer) {
	ctx, cancel := context.WithTimeout(b.Context(), useTimeout)
	defer cancel()
	s, err := b.Open(ctx, kindBulk)
	if err != nil {
		b.link.Close(err)
		return
	}
	_ = s.CloseWrite()
	s.CancelRead(transport.CodeNone)
}

// adopt takes a bulk link into use that the peer has dialled.
func (ps *Peers) adopt(b *Peer, s transport.Stream) {
	defer s.Reset(transport.CodeNone)
	main := ps.Get(b.id)
	if b.dialed || b.stated.Swap(true) || main == nil || main == b || !main.bulk.add(main, b) {
		b.link.Close(errNoMain)
	}
}

// bulkStream hands a stream of a bulk link to the handler, as one of its main link.
func (ps *Peers) bulkStream(b *Peer, kind Kind, s transport.Stream) {
	if kind != KindTunnel {
		s.Reset(transport.CodeProtocol)
		return
	}
	select {
	case <-b.main.used:
		ps.handle(b.main, kind, s)
	case <-b.Context().Done():
	}
}

// isBulk reports whether this is the bulk link of another one.
func (p *Peer) isBulk() bool {
	select {
	case <-p.adopted:
		return true
	default:
		return false
	}
}

// get returns a bulk link that is up, nil if there is none.
func (l *bulkLinks) get() *Peer {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.alive()
}

// alive is get with the lock held.
func (l *bulkLinks) alive() *Peer {
	for _, b := range l.links {
		if !b.ended() {
			return b
		}
	}
	return nil
}

// add adds a link to those of its main link, unless that has ended or has enough.
func (l *bulkLinks) add(main, b *Peer) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.ended || len(l.links) == maxBulk {
		return false
	}
	l.links = append(l.links, b)
	b.main = main
	close(b.adopted)
	return true
}

// remove forgets a link that has ended.
func (l *bulkLinks) remove(b *Peer) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.links = slices.DeleteFunc(slices.Clone(l.links), func(other *Peer) bool { return other == b })
}

// dialed notes that a dial has ended.
func (l *bulkLinks) dialed(dialing chan struct{}) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.alive() == nil {
		l.failed = time.Now()
	}
	l.dialing = nil
	close(dialing)
}

// end closes the links, and returns when nothing that came over them is worked on any
// more.
func (l *bulkLinks) end() {
	l.mu.Lock()
	l.ended = true
	links := l.links
	l.mu.Unlock()
	for _, b := range links {
		b.link.Close(nil)
	}
	for _, b := range links {
		<-b.over
	}
}
