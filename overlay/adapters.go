package overlay

import (
	"time"

	"github.com/project-iris/iris/overlay/directory"
	"github.com/project-iris/iris/overlay/multicast"
	"github.com/project-iris/iris/overlay/names"
	"github.com/project-iris/iris/overlay/session"
	"github.com/project-iris/iris/overlay/wire"
)

// local is a member as the names know it.
type local struct{ *Member }

// Load is how many requests and tunnels the member has in hand.
func (l local) Load() int64 { return l.load.Load() }

// Take counts one more.
func (l local) Take() { l.load.Add(1) }

// Cost is what one more would cost.
func (l local) Cost(now time.Time) float64 { return l.gauge.CostWith(now, l.load.Load()) }

// Room is whether the member takes requests.
func (l local) Room() *names.Room { return &l.room }

// Open reports whether a request of the member still waits for its answer.
func (l local) Open(token uint64) bool { return l.asked.Has(token) }

// owner is the overlay as its lookup sees it.
type owner struct{ *Overlay }

// Resume lets a request go on that was held.
func (o owner) Resume(r *names.Request) {
	if m := r.Owner.(local).Member; m.asked.Has(r.Token) {
		m.dispatch(r.Attempt(), false)
	}
}

// Send sends a message of the directory. One that cannot be sent is repeated.
func (o owner) Send(to wire.NodeID, m wire.Message) {
	if r := o.links.get(to); r != nil {
		r.Tell(m)
	} else {
		o.counters.unlinked.Add(1)
	}
}

// Members returns who is in the network.
func (o owner) Members() *directory.Members { return o.net.roster.Members() }

// Sweep forgets what was not used lately.
func (o owner) Sweep() { o.net.multicast.Sweep() }

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
