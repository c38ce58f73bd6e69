package overlay

import (
	"context"

	"github.com/project-iris/iris/overlay/directory"
	"github.com/project-iris/iris/overlay/member"
	"github.com/project-iris/iris/overlay/multicast"
	"github.com/project-iris/iris/overlay/names"
	"github.com/project-iris/iris/overlay/remote"
	"github.com/project-iris/iris/overlay/roster"
	"github.com/project-iris/iris/overlay/wire"
	"github.com/project-iris/iris/transport"
)

// What follows is the overlay as each of its parts sees it, by the interface that the part
// declares.

// owner is the overlay as its lookup sees it.
type owner struct{ *Overlay }

// Resume lets a request go on that was held.
func (o owner) Resume(r *names.Request) { o.members.Resume(r) }

// Send sends a message of the directory, when there is a link. One that is dropped is
// repeated.
func (o owner) Send(to transport.PeerID, m wire.Message) {
	if r := o.links.To(to); r != nil {
		r.Tell(m)
		return
	}
	if !o.net.unsent.Add(to, m) {
		o.counters.unlinked.Add(1)
	}
	o.net.Want(to)
}

// Members returns who is in the network.
func (o owner) Members() *directory.Members { return o.net.Members() }

// Sweep forgets what was not used lately.
func (o owner) Sweep() { o.net.multicast.Sweep() }

// host is the overlay as the other nodes need it. Their requests and tunnels are the members'.
type host struct {
	*member.Members
	overlay *Overlay
}

// Connected tells a node where this one sees it, and lets the directory find out what it has
// missed.
func (h host) Connected(to *remote.Remote) {
	if seen := roster.SeenAt(to.Peer().Link().RemoteAddr()); seen != nil {
		to.Tell(seen)
	}
	h.overlay.net.tellUnsent(to)
	h.overlay.lookup.Step(directory.Connected{Peer: to.ID()})
}

// HandleDirectory hands a message to the directory.
func (h host) HandleDirectory(from *remote.Remote, m wire.Message) {
	if seen, ok := m.(*wire.Seen); ok {
		h.overlay.net.Told(from.Peer(), seen)
		return
	}
	h.overlay.lookup.Step(directory.Received{From: from.ID(), Message: m})
}

// Answered says that a request was answered that had waited for a cluster.
func (h host) Answered(cluster string) { h.overlay.lookup.Answered(cluster) }

// Deliver handles what is for all who want it.
func (h host) Deliver(from *remote.Remote, m wire.Message) {
	switch m := m.(type) {
	case *wire.Event:
		h.Members.Deliver(wire.KindEvent, m.Topic, m.Event)
	case *wire.Broadcast:
		h.Members.Deliver(wire.KindBroadcast, m.Cluster, m.Message)
	case *wire.Forward:
		h.overlay.net.multicast.Forward(from.ID(), m)
	case *wire.Forwarded:
		h.overlay.net.multicast.Forwarded(m)
	case *wire.MarkerPassed:
		h.overlay.net.multicast.MarkerPassed(from.ID(), m)
	}
}

// receivers is the overlay as a multicast needs it.
type receivers struct{ overlay *Overlay }

// Reachable reports whether there is a link to a node, or one can be made.
func (h receivers) Reachable(id transport.PeerID) bool { return h.overlay.net.Reachable(id) }

// Link returns the link to a node, and false if there is none.
func (h receivers) Link(id transport.PeerID) (multicast.Link, bool) {
	r := h.overlay.links.To(id)
	return sessionLink{r}, r != nil
}

// Want asks for a link to a node.
func (h receivers) Want(id transport.PeerID) { h.overlay.net.Want(id) }

// Await waits for a link to a node.
func (h receivers) Await(ctx context.Context, id transport.PeerID) (multicast.Link, bool) {
	r, err := h.overlay.net.connect(ctx, id, multicast.LinkPatience)
	return sessionLink{r}, err == nil
}

// sessionLink is a link as a multicast needs it.
type sessionLink struct{ *remote.Remote }

func (l sessionLink) Lane(sender uint64) multicast.Lane { return l.Remote.EventLane(sender) }
func (l sessionLink) ForwardLane() multicast.Lane       { return l.Remote.ForwardLane() }
func (l sessionLink) Ended() bool                       { return l.Remote.Ended() || l.Leaving() != nil }

// Deliver hands a message of another node to the receivers at this one.
func (h receivers) Deliver(kind wire.Kind, name, message []byte) {
	h.overlay.members.Deliver(kind, name, message)
}
