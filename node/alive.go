package node

import (
	"context"
	"net"
	"strconv"

	"github.com/project-iris/iris/relay"
)

// Alive looks whether the node does its work: it attaches to itself as an application does,
// by the way of the socket, the relay and the overlay. It returns what does not answer before
// the context ends, which has to have a deadline. It is not for a node that was stopped.
func (n *Node) Alive(ctx context.Context) error {
	return relay.Probe(ctx, net.JoinHostPort("127.0.0.1", strconv.Itoa(n.port)))
}

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
