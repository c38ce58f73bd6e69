package names

import (
	"slices"
	"time"

	"github.com/project-iris/iris/overlay/balance"
)

// MaxRefusals is how many may refuse a request or a tunnel before it is given up.
const MaxRefusals = 3

// Target is who can take a request or a tunnel: a member of this node, or another node.
type Target struct {
	Member Member         // nil: it is another node
	Node   NodeID         // else
	Gauge  *balance.Gauge // of the node, for the cluster
}

func (t Target) same(other Target) bool { return t.Member == other.Member && t.Node == other.Node }

// Refusals are the targets that have refused a request or a tunnel.
type Refusals struct {
	all  [MaxRefusals]Target
	n    int
	busy bool // one has refused because it has too much to do
}

// Add notes that a target has refused, and whether because it has too much to do.
func (r *Refusals) Add(t Target, busy bool) {
	if r.n < MaxRefusals {
		r.all[r.n] = t
		r.n++
	}
	r.busy = r.busy || busy
}

// Full reports whether enough have refused.
func (r *Refusals) Full() bool { return r.n == MaxRefusals }

// Busy reports whether one has refused because it has too much to do.
func (r *Refusals) Busy() bool { return r.busy }

func (r *Refusals) has(t Target) bool { return slices.ContainsFunc(r.all[:r.n], t.same) }

// Verdict is what Pick found.
type Verdict int

const (
	// Picked: there is a target. A member of this node was told by Take.
	Picked Verdict = iota
	// Nobody serves the cluster, as far as is known, or can be reached that does.
	Nobody
	// Refused: all that serve it have refused, or it cannot be looked up where it is.
	Refused
	// Draining: nobody serves it, and this node is being stopped.
	Draining
)

// Pick picks who gets a request or a tunnel to a cluster.
func (n *Names) Pick(now time.Time, name []byte, refused *Refusals) (Target, Verdict) {
	c := n.sought(name)
	if c == nil {
		return Target{}, n.nobody()
	}
	to, found := n.pick(now, c, refused)
	switch {
	case found:
		return to, Picked
	case refused.busy || len(c.members) > 0:
		return Target{}, Refused
	case !n.draining && !n.alone() && c.place == nil: // too many names are looked up
		n.tidy(c)
		return Target{}, Refused
	}
	n.tidy(c)
	return Target{}, n.nobody()
}

func (n *Names) nobody() Verdict {
	if n.draining {
		return Draining
	}
	return Nobody
}

// PickLocal picks a member of this node, nil if there is none that has not refused.
func (n *Names) PickLocal(name []byte, refused *Refusals) Member {
	c := n.clusters[string(name)]
	if c == nil {
		return nil
	}
	m := c.pick(refused)
	if m != nil {
		m.Take()
	}
	return m
}

// pick decides between a member of this node and another node, on the same terms.
func (n *Names) pick(now time.Time, c *cluster, refused *Refusals) (to Target, found bool) {
	here := c.pick(refused)
	there, elsewhere := n.pickNode(now, c.place, refused)
	switch {
	case here != nil && (!elsewhere || here.Cost(now) <= there.Gauge.Cost(now)):
		here.Take()
		return Target{Member: here}, true
	case elsewhere:
		return there, true
	}
	return Target{}, false
}

// pickNode picks one of the nodes of a place that has not refused.
func (n *Names) pickNode(now time.Time, p *Place, refused *Refusals) (Target, bool) {
	if p == nil {
		return Target{}, false
	}
	p.used = true
	at := balance.Pick(now, len(p.nodes), n.config.Draw, func(i int) *balance.Gauge {
		if !n.config.Linked(p.nodes[i]) || refused.has(Target{Node: p.nodes[i]}) {
			return nil
		}
		return p.gauge(p.nodes[i])
	})
	if at < 0 {
		return Target{}, false
	}
	return Target{Node: p.nodes[at], Gauge: p.gauge(p.nodes[at])}, true
}

// pick returns the member of this node with the least in hand that is not among the
// refused, and nil if there is none.
func (c *cluster) pick(refused *Refusals) Member {
	var best Member
	var least int64
	start, n := c.start, len(c.members)
	for i := range n {
		m := c.members[(start+i)%n]
		if refused.has(Target{Member: m}) {
			continue
		}
		if load := m.Load(); best == nil || load < least {
			best, least = m, load
			c.start = (start + i + 1) % n // after it, or a busy member's turns all fall to its neighbour
		}
	}
	return best
}
