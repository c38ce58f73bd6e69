package multicast

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/project-iris/iris/overlay/wire"
	"github.com/project-iris/iris/transport"
)

// copied returns a message of node 0 that another node has forwarded.
func copied(order uint64, message string) *wire.Forwarded {
	return &wire.Forwarded{Kind: wire.KindEvent, Origin: node(0), Sender: 1, Order: order, Name: []byte("news"), Message: []byte(message)}
}

// A node remembers a sender from one sweep to the next and no longer, so that nothing is
// left of one that is silent.
func TestSweepForgetsTheSilent(t *testing.T) {
	inNetwork(t, 2, func(w *network) {
		h := w.nodes[1]
		h.Forwarded(copied(5, "5"))
		h.Sweep()
		h.Forwarded(copied(4, "4, late"))
		h.Sweep()
		h.Forwarded(copied(5, "5, again"))
		w.wantStats(Stats{CopiesLate: 2})
		h.Sweep()
		h.Sweep()
		h.Forwarded(copied(4, "4, of another life"))
		h.wantGot("5", "4, of another life")
		w.wantStats(Stats{CopiesLate: 2})
	})
}

// A marker goes on to the leaves, who answer its origin whatever room there is, and is no
// message to anybody.
func TestMarkersAreAnswered(t *testing.T) {
	inNetwork(t, 4, func(w *network) {
		w.fill(3, 0)
		w.nodes[1].Forward(node(0), &wire.Forward{Kind: wire.KindMarker, Order: 7, Nodes: []transport.PeerID{node(2), node(3)}})
		w.hold(2, 0)
		w.hold(3, 0)
		w.flow()
		for _, to := range []int{2, 3} {
			if n := w.underWay(to, 0); n != 1 {
				t.Errorf("node %d gives %d answers", to, n)
			}
		}
		for _, h := range w.nodes {
			h.wantGot()
		}
	})
}

// A marker that cannot go on is none of the messages that are counted.
func TestMarkersAreNotCounted(t *testing.T) {
	inNetwork(t, 4, func(w *network) {
		w.lose(1, 2)
		w.lose(3, 0)
		w.nodes[1].Forward(node(0), &wire.Forward{Kind: wire.KindMarker, Order: 7, Nodes: []transport.PeerID{node(2), node(3)}})
		w.flow()
		w.wantStats(Stats{})
	})
}

// What a later version may send goes on to those that it names, and is ignored here.
func TestUnknownKindsAreForwarded(t *testing.T) {
	inNetwork(t, 3, func(w *network) {
		w.nodes[1].Forward(node(0), &wire.Forward{Kind: 99, Order: 1, Nodes: []transport.PeerID{node(2)}, Message: []byte("1")})
		if n := w.underWay(1, 2); n != 1 {
			t.Errorf("%d copies are forwarded, want 1", n)
		}
	})
}

// gate is a host whose links come up when it is opened.
type gate struct {
	silent
	open chan struct{}

	mu     sync.Mutex
	queued []string
}

func (g *gate) Link(transport.PeerID) (Link, bool) {
	select {
	case <-g.open:
		return g, true
	default:
		return nil, false
	}
}

func (g *gate) Await(ctx context.Context, id transport.PeerID) (Link, bool) {
	select {
	case <-g.open:
	case <-ctx.Done():
	}
	return g.Link(id)
}

func (g *gate) ForwardLane() Lane { return g }

func (g *gate) Commit(b []byte) {
	m, err := wire.NewReader(bytes.NewReader(b), wire.Limits{}).Read()
	if f, ok := m.(*wire.Forwarded); err == nil && ok {
		g.mu.Lock()
		defer g.mu.Unlock()
		g.queued = append(g.queued, string(f.Message))
	}
}

// What is to be forwarded to a node without a link waits for it, in order, and holds up
// nobody; where none comes it is dropped, and counted, and so is what there is no room for.
func TestForwardingWaitsForALink(t *testing.T) {
	for _, comes := range []bool{true, false} {
		synctest.Test(t, func(t *testing.T) {
			g := &gate{open: make(chan struct{})}
			m := New(g, testLanes)
			var want []string
			for i := range 40 {
				text := fmt.Sprintf("%02d", i)
				m.Forward(node(1), &wire.Forward{Kind: wire.KindEvent, Order: uint64(i + 1), Nodes: nodes(2, 3), Message: []byte(text)})
				want = append(want, text)
				if comes && i == 20 {
					close(g.open)
				}
			}
			large := make([]byte, pendingLimit)
			m.Forward(node(1), &wire.Forward{Kind: wire.KindEvent, Order: 99, Nodes: nodes(4, 5), Message: large})
			m.pending.mu.Lock()
			if m.pending.bytes > pendingLimit {
				t.Errorf("%d bytes wait, want %d at most", m.pending.bytes, pendingLimit)
			}
			m.pending.mu.Unlock()
			time.Sleep(2 * LinkPatience)
			synctest.Wait()
			dropped := m.Stats().CopiesDropped
			switch {
			case comes && (!slices.Equal(g.queued, append(want, string(large))) && !slices.Equal(g.queued, want) || dropped > 1):
				t.Errorf("%d were forwarded, %d dropped, want %d in order", len(g.queued), dropped, len(want))
			case !comes && (len(g.queued) > 0 || dropped != 41):
				t.Errorf("%d were forwarded, %d are counted as dropped, want 41", len(g.queued), dropped)
			}
			if m.pending.bytes != 0 || m.pending.some.Load() != 0 {
				t.Errorf("%d bytes are left for %d nodes", m.pending.bytes, m.pending.some.Load())
			}
			m.Close()
		})
	}
}
