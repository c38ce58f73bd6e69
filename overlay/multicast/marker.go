package multicast

import (
	"context"
	"sync"

	"github.com/project-iris/iris/overlay/wire"
	"github.com/project-iris/iris/transport"
)

// markers are what was sent to find out whether all before it has arrived.
type markers struct {
	mu   sync.Mutex
	last uint64 // token
	open map[uint64]*marker
}

// marker waits for nodes to say that it has come to them.
type marker struct {
	left   map[transport.PeerID]struct{}
	passed chan struct{} // closed when none is left
}

// send sends a marker through one of the lanes to a node and on to its leaves, and returns
// when all of them have it, the link is lost, or the context ends.
func (s *markers) send(ctx context.Context, link Link, lane uint64, leaves []transport.PeerID) {
	token, m := s.begin(leaves)
	defer s.end(token)
	message := wire.Forward{Kind: wire.KindMarker, Order: token, Nodes: leaves}
	l := link.Lane(lane)
	b, err := l.Begin(message.Size(), Patience)
	if err != nil {
		return
	}
	l.Commit(message.Append(b))
	select {
	case <-m.passed:
	case <-link.Context().Done():
	case <-ctx.Done():
	}
}

func (s *markers) begin(leaves []transport.PeerID) (token uint64, m *marker) {
	m = &marker{left: make(map[transport.PeerID]struct{}, len(leaves)), passed: make(chan struct{})}
	for _, id := range leaves {
		m.left[id] = struct{}{}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.last++
	if s.open == nil {
		s.open = make(map[uint64]*marker)
	}
	s.open[s.last] = m
	return s.last, m
}

func (s *markers) end(token uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.open, token)
}

// passed notes that a marker has come to a node.
func (s *markers) passed(token uint64, id transport.PeerID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	m := s.open[token]
	if m == nil {
		return
	}
	delete(m.left, id)
	if len(m.left) == 0 {
		delete(s.open, token)
		close(m.passed)
	}
}
