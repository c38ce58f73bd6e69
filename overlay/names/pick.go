package names

import (
	"slices"
	"time"

	"github.com/project-iris/iris/overlay/balance"
	"github.com/project-iris/iris/transport"
)

// MaxRefusals is how many other nodes may refuse a request before it stays at this one, where
// a member takes it or it waits, and how many members and nodes a tunnel before it is given up.
const MaxRefusals = 3

// Target is who can take a request or a tunnel: a member of this node, or another node.
type Target struct {
	Member Member           // nil: it is another node
	Node   transport.PeerID // else
	Gauge  *balance.Gauge   // of the node, for the cluster

	made uint64 // how often the member had made room when it was picked
}

// Refusals are the targets that have refused a request or a tunnel.
type Refusals struct {
	// Anyway has those members picked too that have no room for requests: for a tunnel.
	Anyway bool

	all  [MaxRefusals]Target
	n    int
	busy bool  // one has refused because it has too much to do
	part error // one has refused because the owner has its part of it
}

// Add notes that a target has refused, and whether because it has too much to do.
func (r *Refusals) Add(t Target, busy bool) {
	if r.n < MaxRefusals {
		r.all[r.n] = t
		r.n++
	}
	r.busy = r.busy || busy
}

// AddMember notes that a member of this node has refused a request because it has too much
// to do. It is full then, and so is not asked again.
func (r *Refusals) AddMember() { r.busy = true }

// AddPart notes that a target has refused because the owner of the request or tunnel has its
// part of it, and with which words. Others may have room there.
func (r *Refusals) AddPart(t Target, limit error) {
	r.Add(t, false)
	r.part = limit
}

// Part returns the words of AddPart, or nil.
func (r *Refusals) Part() error { return r.part }

// Full reports whether enough have refused.
func (r *Refusals) Full() bool { return r.n == MaxRefusals }

// Busy reports whether one has refused because it has too much to do.
func (r *Refusals) Busy() bool { return r.busy }

func (r *Refusals) hasMember(m Member) bool {
	return r.n > 0 && slices.ContainsFunc(r.all[:r.n], func(t Target) bool { return t.Member == m })
}

func (r *Refusals) hasNode(id transport.PeerID) bool {
	return r.n > 0 && slices.ContainsFunc(r.all[:r.n], func(t Target) bool { return t.Member == nil && t.Node == id })
}

// Verdict is what Pick or PickOrHold found.
type Verdict int

const (
	// Picked says that there is a target. A member of this node was told by Take.
	Picked Verdict = iota
	// Nobody serves the cluster, as far as is known, or can be reached that does. Of
	// PickOrHold, and so of a request that is impatient: nobody serves it, by all that there
	// is to know.
	Nobody
	// Held says that the request waits.
	Held
	// Refused says that all that serve the cluster have refused or are full, or that it
	// cannot be looked up where it is served, or that the request cannot wait.
	Refused
	// Draining says that nobody serves the cluster, and this node is being stopped.
	Draining
)

// PickOrHold picks who gets a request, or holds it. One that is impatient is not held if
// nobody serves the cluster.
func (n *Names) PickOrHold(now time.Time, owner Member, a *Attempt) (Target, Verdict) {
	c := n.sought(owner, a.Cluster)
	a.Limit = nil
	if c != nil && c.place == nil && !n.alone() {
		a.Limit = n.refusal
	}
	if a.Impatient && !n.draining && n.unserved(c) {
		n.tidy(c)
		return Target{}, Nobody // it does not wait with those that wait for room there
	}
	if c != nil && c.crowded && a.number == 0 && a.Refused.n == 0 && !n.draining && n.holdCrowded(now, c, owner, a) {
		return Target{}, Held
	}
	to, verdict := n.decide(now, c, &a.Refused)
	if verdict != Nobody {
		if verdict != Picked {
			n.tidy(c)
		}
		return to, verdict
	}
	if c == nil {
		c = n.cluster(string(a.Cluster))
	}
	if !n.hold(now, c, owner, a) {
		verdict = Refused
	} else {
		verdict = Held
	}
	n.tidy(c)
	return Target{}, verdict
}

// Pick picks who gets a tunnel of a member to a cluster.
func (n *Names) Pick(now time.Time, owner Member, name []byte, refused *Refusals) (Target, Verdict) {
	c := n.sought(owner, name)
	to, verdict := n.decide(now, c, refused)
	if verdict != Picked {
		n.tidy(c)
	}
	return to, verdict
}

// decide is Pick for a cluster, nil if nobody knows it.
func (n *Names) decide(now time.Time, c *cluster, refused *Refusals) (Target, Verdict) {
	if c != nil {
		if to, found := n.pick(now, c, refused); found {
			return to, Picked
		}
	}
	switch {
	case c != nil && (refused.busy || refused.part != nil || len(c.members) > 0):
		return Target{}, Refused
	case n.draining:
		return Target{}, Draining
	case !n.alone() && c.place == nil: // too many names are looked up
		return Target{}, Refused
	}
	return Target{}, Nobody
}

// PickLocal picks a member of this node for a request or a tunnel of another. The target has
// no member if there is none that has not refused; full is then who has the least in hand of
// those that are full of requests, nil if there are none.
func (n *Names) PickLocal(name []byte, refused *Refusals) (to Target, full Member) {
	c := n.clusters[string(name)]
	if c == nil {
		return Target{}, nil
	}
	if m := c.pick(refused); m != nil {
		m.Take()
		return Target{Member: m, made: m.Room().made}, nil
	}
	return Target{}, c.pick(&Refusals{Anyway: true})
}

// pick decides between a member of this node and another node, on the same terms.
func (n *Names) pick(now time.Time, c *cluster, refused *Refusals) (to Target, found bool) {
	here := c.pick(refused)
	there, elsewhere := n.pickNode(now, c.place, refused)
	switch {
	case here != nil && (!elsewhere || here.Cost(now) <= there.Gauge.Cost(now)):
		here.Take()
		return Target{Member: here, made: here.Room().made}, true
	case elsewhere:
		return there, true
	}
	return Target{}, false
}

// mostWanted is how many nodes one request asks for links to.
const mostWanted = 2

// pickNode picks one of the nodes of a place that has not refused and that there is a link
// to. Links are asked for to those that it finds without: in time there is one to all that
// serve a name which is used.
func (n *Names) pickNode(now time.Time, p *Place, refused *Refusals) (Target, bool) {
	if p == nil || refused.Full() {
		return Target{}, false
	}
	p.used = true
	wanted := 0
	at := balance.Pick(now, len(p.nodes), n.config.Draw, func(i int) *balance.Gauge {
		switch id := p.nodes[i]; {
		case refused.hasNode(id):
			return nil
		case n.config.Linked(id):
			return p.gauge(id)
		case wanted < mostWanted:
			wanted++
			n.config.Want(id)
		}
		return nil
	})
	if at < 0 {
		return Target{}, false
	}
	return Target{Node: p.nodes[at], Gauge: p.gauge(p.nodes[at])}, true
}

// pick returns the member of this node with the least in hand that is neither among the
// refused nor full, and nil if there is none.
func (c *cluster) pick(refused *Refusals) Member {
	var best Member
	var least int64
	start, n := c.start, len(c.members)
	for i := range n {
		m := c.members[(start+i)%n]
		if m.Room().full && !refused.Anyway || refused.hasMember(m) {
			continue
		}
		if load := m.Load(); best == nil || load < least {
			best, least = m, load
			c.start = (start + i + 1) % n // after it, or a busy member's turns all fall to its neighbour
		}
	}
	return best
}
