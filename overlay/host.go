package overlay

import (
	"github.com/project-iris/iris/overlay/multicast"
	"github.com/project-iris/iris/overlay/session"
	"github.com/project-iris/iris/overlay/wire"
)

// host is the overlay as a multicast needs it.
type host struct{ overlay *Overlay }

// Linked reports whether there is a link to a node.
func (h host) Linked(id wire.NodeID) bool { return h.overlay.links.linked(id) }

// Link returns the link to a node, and false if there is none.
func (h host) Link(id wire.NodeID) (multicast.Link, bool) {
	r := h.overlay.links.get(id)
	if r == nil {
		return nil, false
	}
	return way{r.Session}, true
}

// way is a session as a multicast needs it.
type way struct{ *session.Session }

func (w way) Lane(sender uint64) multicast.Lane { return w.Session.Lane(sender) }
func (w way) ForwardLane() multicast.Lane       { return w.Session.ForwardLane() }

// Deliver hands a message of another node to the receivers at this one.
func (h host) Deliver(kind wire.Kind, name, message []byte) {
	switch kind {
	case wire.KindEvent:
		h.overlay.deliverEvent(name, message)
	case wire.KindBroadcast:
		h.overlay.deliverBroadcast(name, message)
	}
}
