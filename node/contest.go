package node

import (
	"time"

	"github.com/project-iris/iris/overlay"
)

// Contested is closed when this node has to give up its id because another node has the
// same, as the copy of a running machine has. Nothing that it says is worth anything then:
// whoever has started it has to stop it and to start another one, which has a new id, not
// more often than once a minute. A member of the network that lies can cause it.
func (n *Node) Contested() <-chan struct{} { return n.contested }

// contest says that another node has the id of this one, which is at an address.
func (n *Node) contest(c overlay.Contest, addr string) {
	n.config.Logger.Warn("another node has the id of this one: was a machine copied while iris ran in it? "+
		"This node gives up the id. Start iris after a machine is copied, not before",
		"id", n.id.ID().Short(), "addr", addr, "other", c.Other, "in", c.Grace)
	n.doubled.Store(true)
	time.AfterFunc(c.Grace, func() { close(n.contested) })
}
