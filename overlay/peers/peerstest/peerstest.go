// Package peerstest links two nodes in memory, for tests of what is said over a link.
package peerstest

import (
	"testing"

	"github.com/project-iris/iris/overlay/peers"
	"github.com/project-iris/iris/transport"
	"github.com/project-iris/iris/transport/mem"
)

// Link returns the links of two nodes, the first of which has dialled the second, to the end of
// the test. They have the ids 1 and 2.
func Link(t testing.TB, network *mem.Network, first, second peers.Handler) (a, b *peers.Peers) {
	t.Helper()
	one, two := transport.PeerID{1}, transport.PeerID{2}
	a, b = start(t, network.Node(one), first), start(t, network.Node(two), second)
	if _, err := a.Dial(t.Context(), two.Short(), two); err != nil {
		t.Fatal(err)
	}
	return a, b
}

// start starts a node that accepts links at its short id.
func start(t testing.TB, end *mem.Transport, handler peers.Handler) *peers.Peers {
	t.Helper()
	ps := peers.New(peers.Config{Self: end.ID(), Transport: end, Handler: handler})
	listener, err := end.Listen(t.Context(), end.ID().Short())
	if err != nil {
		t.Fatal(err)
	}
	go ps.Serve(listener)
	t.Cleanup(func() {
		ps.Close(nil)
		_ = end.Close()
	})
	return ps
}
