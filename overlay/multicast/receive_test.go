package multicast

import (
	"testing"

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
