package peers

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/project-iris/iris/transport"
)

// Peers are the links of a node. The methods are safe for concurrent use.
type Peers struct {
	config Config
	log    *slog.Logger
	ctx    context.Context // ends with Close
	cancel context.CancelFunc
	work   sync.WaitGroup // all goroutines

	deciding sync.Mutex // one link is decided on at a time

	mu      sync.Mutex
	active  map[transport.PeerID]*Peer // links in use
	changed chan struct{}              // closed and replaced when active has grown
	wanted  map[transport.PeerID]*want // nodes to keep a link to
	links   map[*Peer]struct{}         // all that are up, in use or not
	closed  bool
}

// New returns peers without links.
func New(config Config) *Peers {
	ps := &Peers{
		config:  config.withDefaults(),
		active:  make(map[transport.PeerID]*Peer),
		changed: make(chan struct{}),
		wanted:  make(map[transport.PeerID]*want),
		links:   make(map[*Peer]struct{}),
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
		ps.add(link, false)
	}
}

// Get returns the link to a node, nil if there is none.
func (ps *Peers) Get(id transport.PeerID) *Peer {
	ps.mu.Lock()
	defer ps.mu.Unlock()
	return ps.active[id]
}

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

// add takes care of a link that is up.
func (ps *Peers) add(link transport.Link, dialed bool) (*Peer, error) {
	p := &Peer{id: link.Peer(), link: link, dialed: dialed, used: make(chan struct{})}
	ps.mu.Lock()
	if ps.closed {
		ps.mu.Unlock()
		link.Close(nil)
		return nil, ErrClosed
	}
	ps.links[p] = struct{}{}
	ps.work.Go(func() { ps.run(p) })
	ps.mu.Unlock()
	return p, nil
}

// run lives as long as a link.
func (ps *Peers) run(p *Peer) {
	if ps.decides(p) {
		ps.decide(p)
	} else {
		p.streams.Go(func() { ps.awaitUse(p) })
	}
	p.streams.Go(func() { ps.receiveDatagrams(p) })
	ps.acceptStreams(p)
	p.streams.Wait()
	ps.remove(p)
}

// decides reports whether this node decides which link to a peer is used.
func (ps *Peers) decides(p *Peer) bool {
	return string(ps.config.Self[:]) < string(p.id[:])
}

// decide takes a link into use, or closes it as a duplicate.
func (ps *Peers) decide(p *Peer) {
	ps.deciding.Lock()
	defer ps.deciding.Unlock()
	ps.mu.Lock()
	old := ps.active[p.id]
	if old != nil && (p.dialed || time.Since(old.since) < crossing) {
		ps.mu.Unlock()
		p.link.Close(errDuplicate)
		return
	}
	ps.mu.Unlock()
	s, err := p.Open(ps.ctx, KindControl)
	if err != nil {
		p.link.Close(err)
		return
	}
	ps.activate(p)
	p.streams.Go(func() { ps.handle(p, KindControl, s) })
}

// activate takes a link into use, in the place of the one that was.
func (ps *Peers) activate(p *Peer) {
	ps.mu.Lock()
	old := ps.active[p.id]
	p.since = time.Now()
	ps.active[p.id] = p
	close(ps.changed)
	ps.changed = make(chan struct{})
	ps.mu.Unlock()
	if old != nil {
		ps.work.Go(func() { old.link.Close(errDuplicate) })
	}
	ps.config.Handler.LinkUp(p)
	close(p.used)
}

// awaitUse closes a link that the peer does not take into use.
func (ps *Peers) awaitUse(p *Peer) {
	timer := time.NewTimer(useTimeout)
	defer timer.Stop()
	select {
	case <-p.used:
	case <-p.Context().Done():
	case <-timer.C:
		p.link.Close(errNotUsed)
	}
}

// remove forgets a link that has ended.
func (ps *Peers) remove(p *Peer) {
	ps.mu.Lock()
	delete(ps.links, p)
	wasActive := ps.active[p.id] == p
	if wasActive {
		delete(ps.active, p.id)
	}
	w := ps.wanted[p.id]
	ps.mu.Unlock()
	if w != nil {
		w.wake()
	}
	select {
	case <-p.used:
		ps.config.Handler.LinkDown(p, context.Cause(p.Context()))
	default:
	}
}
