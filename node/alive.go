package node

import "context"

// Alive looks whether the node does its work: all parts of it answer, and it attaches to itself
// as an application does, by the way of the socket, the relay and the overlay. It returns what
// does not answer before the context ends, which has to have a deadline. This is what /healthz
// says, and what systemd's watchdog is told.
func (n *Node) Alive(ctx context.Context) error { return n.whole.alive(ctx) }

// Others returns how many other nodes of the network this one knows.
func (n *Node) Others() int {
	if n.links == nil {
		return 0
	}
	return n.overlay.Network().Others()
}

// Expects reports whether the node was told of others, by [Config.Join] or by what it
// remembers, so that it is not to be taken for complete while it knows none.
func (n *Node) Expects() bool { return n.expects }
