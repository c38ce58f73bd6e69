package names

import (
	"slices"
	"sync/atomic"
	"time"
)

// A request that no member has room for waits as one does that has no member. Each event
// that makes room lets those go on that have waited longest, as many as there is room for:
//
//   - A member of this node that has refused says when it has room again, and is not asked
//     before. So it costs nothing that many wait for it.
//   - Another node says nothing of that kind. It is asked with one request after a pause,
//     which grows while it refuses, and with twice as many after each pause in which it
//     refused none; and with two when it has answered one that had waited.
//
// While some wait for room, what comes later waits behind them: the cluster is crowded.
//
// Where a request was refused because its owner has its part, others need not wait. It waits
// apart, and two such requests of the owner are tried again whenever one of the owner's ends
// elsewhere ([Names.Fewer]), and one after each pause.

// maxBatch is how many requests that wait for room are sent to other nodes at once.
const maxBatch = 1 << 10

// Room is whether a member takes requests, as far as is known.
type Room struct {
	full  bool         // the member has refused a request since it last made room
	made  uint64       // how often it has
	parts atomic.Int64 // its own requests that wait as it has its part
}

// Waits reports whether requests of the member itself wait because it has its part of those that
// could take them. It may be called at any time.
func (r *Room) Waits() bool { return r.parts.Load() > 0 }

// Refused notes that a member has refused a request for which it was picked, unless it has
// made room since.
func (n *Names) Refused(to Target) {
	if room := to.Member.Room(); room.made == to.made {
		room.full = true
	}
}

// MakeRoom says that a member has room for requests again. Fill has to follow.
func (n *Names) MakeRoom(m Member) {
	room := m.Room()
	room.full = false
	room.made++
}

// Fill returns the request that waits longest for room at the members of this node that
// serve the same cluster as one of them, until these are full. It is to be handed over
// before Fill is called again.
func (n *Names) Fill(m Member) (resumed Resumed) {
	a := n.accounts[m]
	if a == nil {
		return Resumed{}
	}
	if c := n.clusters[a.cluster]; c != nil && c.crowded && c.hasRoom() {
		resumed.Requests = n.take(c, 1)
	}
	return resumed
}

// Answered says that another node has answered a request to a cluster that had waited: two
// go on that wait for room.
func (n *Names) Answered(cluster string) (resumed Resumed) {
	if c := n.clusters[cluster]; c != nil && c.crowded {
		resumed.Requests = n.take(c, 2)
	}
	return resumed
}

// hasRoom reports whether a member of this node takes requests, as far as is known.
func (c *cluster) hasRoom() bool {
	return slices.ContainsFunc(c.members, func(m Member) bool { return !m.Room().full })
}

// take takes out up to most requests that wait, oldest first.
func (n *Names) take(c *cluster, most int) []*Request {
	taken := make([]*Request, 0, min(most, c.held.Len()))
	for len(taken) < cap(taken) {
		r := c.held.Front().Value.(*Request)
		n.unhold(r)
		taken = append(taken, r)
	}
	n.tidy(c)
	return taken
}

// Holding is what became of a request that was to wait for room.
type Holding int

const (
	// HoldsIt says that it waits.
	HoldsIt Holding = iota
	// CannotHold says that its owner has too much waiting, or nothing waits any more.
	CannotHold
	// HasRoom says that a member has room meanwhile, or that nobody serves the cluster any more, for
	// which the request does not wait: somebody is to be picked once more.
	HasRoom
)

// HoldForRoom keeps a request for which there was no room at those that could take it, or
// on the way to them.
func (n *Names) HoldForRoom(now time.Time, owner Member, a *Attempt) Holding {
	if n.draining {
		return CannotHold
	}
	c := n.cluster(string(a.Cluster))
	defer n.tidy(c)
	switch {
	case a.Refused.part != nil:
		a.Limit = a.Refused.part
		if n.hold(now, c, owner, a) {
			return HoldsIt
		}
		return CannotHold
	case !a.Refused.busy && len(c.members) == 0: // it could not wait for a member either
		return CannotHold
	case c.hasRoom(), a.Impatient && n.unserved(c):
		return HasRoom
	case n.holdCrowded(now, c, owner, a):
		return HoldsIt
	}
	return CannotHold
}

// holdCrowded keeps a request behind those that wait for room.
func (n *Names) holdCrowded(now time.Time, c *cluster, owner Member, a *Attempt) bool {
	c.retry.refused = c.retry.refused || a.number > 0 || !c.crowded
	if !n.hold(now, c, owner, a) {
		return false
	}
	c.crowded = c.held.Len() > 0
	return true
}

// Fewer returns up to two of the requests of a member that wait as it has its part: one of its
// requests has ended elsewhere.
func (n *Names) Fewer(owner Member) (resumed Resumed) {
	a := n.accounts[owner]
	for range 2 {
		if a == nil || a.parts.Len() == 0 {
			break
		}
		r := a.parts.Front().Value.(*Request)
		n.unhold(r)
		n.tidy(r.cluster)
		resumed.Requests = append(resumed.Requests, r)
	}
	return resumed
}

// takeParts takes out up to most requests to a cluster of each member that has its part.
func (n *Names) takeParts(c *cluster, most int) (taken []*Request) {
	if c.parts == 0 {
		return nil
	}
	for _, a := range n.accounts {
		found := 0
		for e := a.parts.Front(); e != nil && found < most; {
			r := e.Value.(*Request)
			e = e.Next()
			if r.cluster == c {
				n.unhold(r)
				taken = append(taken, r)
				found++
			}
		}
	}
	n.tidy(c)
	return taken
}

// again takes out the requests to a cluster that are tried again now.
func (n *Names) again(now time.Time, c *cluster) []*Request {
	parts := n.takeParts(c, 1)
	if c.parts > 0 {
		n.retryLater(now, c)
	}
	if !c.crowded {
		return append(n.take(c, c.held.Len()), parts...)
	}
	if c.retry.refused {
		c.retry.batch = 1
	} else {
		c.retry.batch = min(max(2*c.retry.batch, 1), maxBatch)
		c.retry.wait = 0
	}
	c.retry.refused = false
	taken := n.take(c, c.retry.batch)
	if !c.idle() {
		n.retryLater(now, c)
	}
	return append(taken, parts...)
}
