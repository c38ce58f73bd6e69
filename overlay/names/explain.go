package names

import (
	"math"
	"slices"
	"time"

	"github.com/project-iris/iris/overlay/balance"
	"github.com/project-iris/iris/transport"
)

// View is what this node knows of a cluster at a moment. To look changes nothing: the cluster is
// not looked up elsewhere because of it, nor is a link asked for.
type View struct {
	Alone    bool // there is no other node
	Draining bool // this node is being stopped
	Sought   bool // somebody here sends to the cluster, so that Nodes are looked up
	Known    bool // enough was heard to tell where it is served

	Members []ViewedMember // of this node, those that have left included
	Nodes   []ViewedNode   // other nodes that serve it, as far as is known

	Held    int           // requests of this node that wait
	Crowded bool          // some of these wait for room, not for a member
	Waiting int           // tunnels of this node that wait for a member
	Oldest  time.Duration // until the deadline of the request that has waited longest
	Retry   time.Duration // until what waits is tried again; zero: nothing is to be tried

	start int // of Members, where the next pick starts
}

// ViewedMember is a member of this node.
type ViewedMember struct {
	Member   Member
	Left     bool // it has left the cluster, and finishes what it has in hand
	Full     bool // it has refused a request since it last made room
	Measured balance.Measured
}

// ViewedNode is another node.
type ViewedNode struct {
	ID       transport.PeerID
	Linked   bool
	Measured balance.Measured
}

// Why says why a candidate is asked or left out.
type Why string

// The reasons.
const (
	WhyCheapest Why = "cheapest" // it is asked, as it costs least of those that are compared
	WhyFull     Why = "full"     // it has no room
	WhyLeft     Why = "left"     // it has left the cluster
	WhyUnlinked Why = "unlinked" // there is no link to it that can be used now
	WhyBusier   Why = "busier"   // another member of this node has less in hand, or it is its turn
	WhyDearer   Why = "dearer"   // whatever is compared to it costs less
)

// Choice is the chance of a candidate to get the next request, and the reason for it.
type Choice struct {
	Chance float64
	Why    Why
}

// Explanation is what would become of a request now. The choices have the order of the view's
// members and nodes.
type Explanation struct {
	Verdict Verdict
	Members []Choice
	Nodes   []Choice
}

// View returns what is known of a cluster.
func (n *Names) View(now time.Time, name []byte) View {
	v := View{Alone: n.alone(), Draining: n.draining}
	c := n.clusters[string(name)]
	if c != nil {
		n.viewCluster(now, c, &v)
	}
	for m, a := range n.accounts {
		if a.cluster == string(name) && (c == nil || !slices.Contains(c.members, m)) {
			v.Members = append(v.Members, ViewedMember{Member: m, Left: true, Measured: m.Measured(now)})
		}
	}
	return v
}

func (n *Names) viewCluster(now time.Time, c *cluster, v *View) {
	v.start, v.Held, v.Crowded, v.Waiting = c.start, c.held.Len(), c.crowded, len(c.waiting)
	for _, m := range c.members {
		v.Members = append(v.Members, ViewedMember{Member: m, Full: m.Room().full, Measured: m.Measured(now)})
	}
	if oldest := c.held.Front(); oldest != nil {
		v.Oldest = max(oldest.Value.(*Request).Deadline.Sub(now), 0)
	}
	if _, waits := n.retries[c]; waits {
		v.Retry = max(c.retry.due.Sub(now), 1)
	}
	if c.place == nil {
		return
	}
	v.Sought, v.Known = true, c.place.known
	var unmeasured balance.Gauge
	for _, id := range c.place.nodes {
		gauge := c.place.cost[id]
		if gauge == nil {
			gauge = &unmeasured
		}
		v.Nodes = append(v.Nodes, ViewedNode{ID: id, Linked: n.config.Linked(id), Measured: gauge.Measured(now)})
	}
}

// Explain says what would become of a request that a member of this node makes now, and why.
func (v *View) Explain() Explanation {
	e := Explanation{Members: make([]Choice, len(v.Members)), Nodes: make([]Choice, len(v.Nodes))}
	here := v.chooseHere(e.Members)
	v.chooseNodes(e.Nodes)
	v.compare(&e, here)
	e.Verdict = v.verdict(&e)
	return e
}

// chooseHere says which member of this node would be asked, if it is not another node, as
// cluster.pick does, or returns -1.
func (v *View) chooseHere(choices []Choice) int {
	best := -1
	n := 0 // of those that have not left, which come first
	for n < len(v.Members) && !v.Members[n].Left {
		n++
	}
	for i := range v.Members {
		switch m := &v.Members[i]; {
		case m.Left:
			choices[i].Why = WhyLeft
		case m.Full:
			choices[i].Why = WhyFull
		default:
			choices[i].Why = WhyBusier
		}
	}
	for i := range n {
		at := (v.start + i) % n
		if choices[at].Why == WhyBusier && (best < 0 || v.Members[at].Measured.UnderWay < v.Members[best].Measured.UnderWay) {
			best = at
		}
	}
	if best >= 0 {
		choices[best] = Choice{1, WhyCheapest}
	}
	return best
}

// chooseNodes says which other node would be asked, if it is no member of this one.
func (v *View) chooseNodes(choices []Choice) {
	costs := make([]float64, len(v.Nodes))
	for i, node := range v.Nodes {
		if costs[i] = node.Measured.Cost; !node.Linked {
			costs[i] = math.NaN()
		}
	}
	for i, chance := range balance.Chances(costs) {
		switch {
		case !v.Nodes[i].Linked:
			choices[i].Why = WhyUnlinked
		case chance == 0:
			choices[i].Why = WhyDearer
		default:
			choices[i] = Choice{chance, WhyCheapest}
		}
	}
}

// compare decides between the member of this node and the other node, as Names.pick does.
func (v *View) compare(e *Explanation, here int) {
	if here < 0 {
		return
	}
	cost := v.Members[here].Measured.Cost
	for i := range e.Nodes {
		choice := &e.Nodes[i]
		switch {
		case choice.Chance == 0:
		case cost <= v.Nodes[i].Measured.Cost:
			*choice = Choice{0, WhyDearer}
		default:
			e.Members[here].Chance -= choice.Chance
		}
	}
	if e.Members[here].Chance < 1e-9 {
		e.Members[here] = Choice{0, WhyDearer}
	}
}

// verdict says what becomes of the request, as PickOrHold does.
func (v *View) verdict(e *Explanation) Verdict {
	serves := func(c Choice) bool { return c.Chance > 0 }
	here := slices.ContainsFunc(v.Members, func(m ViewedMember) bool { return !m.Left })
	switch {
	case v.Crowded && !v.Draining:
		return Held
	case slices.ContainsFunc(e.Members, serves) || slices.ContainsFunc(e.Nodes, serves):
		return Picked
	case v.Draining:
		return Draining
	case !here && (v.Alone || v.Known && len(v.Nodes) == 0):
		return Nobody
	}
	return Held
}
