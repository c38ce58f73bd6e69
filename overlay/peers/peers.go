package peers

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/project-iris/iris/transport"
	"github.com/project-iris/iris/transport/refusal"
)

// Peers are the links of a node. The methods are safe for concurrent use.
type Peers struct {
	config Config
	log    *slog.Logger
	ctx    context.Context // ends with Close
	cancel context.CancelFunc
	work   sync.WaitGroup // all goroutines

	contest contest
	dials   chan struct{} // holds one for each dial of a node that was met

	versions refusal.Throttle // of lines about nodes that speak other versions
	disowned atomic.Uint64    // links, see Disowned

	mu      sync.Mutex
	active  map[transport.PeerID]*Peer   // links in use
	last    map[transport.PeerID]*Peer   // the latest link of each node that came into use, until it is over
	changed chan struct{}                // closed and replaced when active has grown
	targets map[transport.PeerID]*target // nodes that were met
	links   map[*Peer]struct{}           // all that are up, in use or not
	linksOf map[transport.PeerID]int     // how many of them each node has
	closed  bool
}

// New returns peers without links.
func New(config Config) *Peers {
	ps := &Peers{
		config:  config.withDefaults(),
		active:  make(map[transport.PeerID]*Peer),
		last:    make(map[transport.PeerID]*Peer),
		changed: make(chan struct{}),
		targets: make(map[transport.PeerID]*target),
		dials:   make(chan struct{}, maxDials),
		links:   make(map[*Peer]struct{}),
		linksOf: make(map[transport.PeerID]int),
	}
	ps.log = ps.config.Logger
	ps.ctx, ps.cancel = context.WithCancel(context.Background())
	return ps
}

// Serve accepts links until the listener or the peers are closed, and closes the
// listener.
func (ps *Peers) Serve(l transport.Listener) {
	defer l.Close()
	for {
		link, err := l.Accept(ps.ctx)
		if err != nil {
			if !errors.Is(err, transport.ErrClosed) && ps.ctx.Err() == nil {
				ps.log.Error("cannot accept links any more", "addr", l.Addr(), "err", err)
			}
			return
		}
		_, _ = ps.add(link, "") // which closes it, if it is one too many
	}
}

// Get returns the link to a node, nil if there is none.
func (ps *Peers) Get(id transport.PeerID) *Peer {
	ps.mu.Lock()
	defer ps.mu.Unlock()
	return ps.active[id]
}

// Linked reports whether there is a link to a node.
func (ps *Peers) Linked(id transport.PeerID) bool { return ps.Get(id) != nil }

// All returns the links in use.
func (ps *Peers) All() []*Peer {
	ps.mu.Lock()
	defer ps.mu.Unlock()
	all := make([]*Peer, 0, len(ps.active))
	for _, p := range ps.active {
		all = append(all, p)
	}
	return all
}

// Await waits for a link to a node.
func (ps *Peers) Await(ctx context.Context, id transport.PeerID) (*Peer, error) {
	for {
		ps.mu.Lock()
		p, changed, closed := ps.active[id], ps.changed, ps.closed
		ps.mu.Unlock()
		switch {
		case closed:
			return nil, ErrClosed
		case p != nil:
			return p, nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return nil, errors.Join(ErrNoLink, ctx.Err())
		case <-ps.ctx.Done():
			return nil, ErrClosed
		}
	}
}

// Close ends all links with the cause, nil for good order, and returns when all
// goroutines have ended.
func (ps *Peers) Close(cause error) {
	ps.mu.Lock()
	ps.closed = true
	links := make([]*Peer, 0, len(ps.links))
	for p := range ps.links {
		links = append(links, p)
	}
	ps.mu.Unlock()
	ps.cancel()
	for _, p := range links {
		ps.work.Go(func() { p.link.Close(cause) })
	}
	ps.work.Wait()
}

// add takes care of a link that is up, which this node has dialled unless there is no
// address.
func (ps *Peers) add(link transport.Link, dialed string) (*Peer, error) {
	p := newPeer(link, dialed != "")
	p.addr = dialed
	if err := ps.enter(p); err != nil {
		link.Close(err)
		return nil, err
	}
	return p, nil
}

// enter starts the goroutines of a link, if it is not one too many.
func (ps *Peers) enter(p *Peer) error {
	ps.mu.Lock()
	defer ps.mu.Unlock()
	switch {
	case ps.closed:
		return ErrClosed
	case len(ps.links) == ps.config.MaxLinks || ps.linksOf[p.id] == maxLinksOfNode:
		return errTooMany
	case !ps.accepts(p): // no more, since the handshake
		ps.disowned.Add(1)
		return ErrKeyDropped
	}
	ps.links[p] = struct{}{}
	ps.linksOf[p.id]++
	ps.work.Go(func() { ps.run(p) })
	return nil
}

// run lives as long as a link.
func (ps *Peers) run(p *Peer) {
	defer close(p.over)
	p.streams.Go(func() { ps.bringUp(p) })
	p.streams.Go(func() { ps.receiveDatagrams(p) })
	ps.acceptStreams(p)
	ps.retire(p)
	ps.checkDisplaced(p)
	p.bulk.end()
	p.streams.Wait()
	ps.remove(p)
	if p.isBulk() {
		p.main.bulk.remove(p)
	}
}

// retire takes a link that has ended out of use, at once: another one is to take its
// place, though streams of this one may still be worked on.
func (ps *Peers) retire(p *Peer) {
	ps.mu.Lock()
	defer ps.mu.Unlock()
	if ps.active[p.id] == p {
		delete(ps.active, p.id)
		if t := ps.targets[p.id]; t != nil {
			t.lost(time.Since(p.since), context.Cause(p.Context()))
		}
	}
}

// remove forgets a link that has ended.
func (ps *Peers) remove(p *Peer) {
	ps.retire(p) // it may have come into use in its last moment
	ps.mu.Lock()
	delete(ps.links, p)
	if ps.linksOf[p.id]--; ps.linksOf[p.id] == 0 {
		delete(ps.linksOf, p.id)
	}
	ps.mu.Unlock()
	if p.wasUsed() {
		ps.config.Handler.LinkDown(p, context.Cause(p.Context()))
	}
	ps.mu.Lock()
	defer ps.mu.Unlock()
	if ps.last[p.id] == p {
		delete(ps.last, p.id)
	}
}
