package overlay

import (
	"container/list"
	"slices"
)

// cluster is a name that members serve or that somebody waits for. Overlay.mu
// guards all of it.
type cluster struct {
	name    string
	members []*Member     // elements never change in place: readers keep a snapshot
	start   int           // where the next pick starts, so that ties go round
	held    *list.List    // of *heldRequest, oldest first
	joined  chan struct{} // closed when a member joins; nil while no tunnel waits
	waiting int           // tunnels that wait
}

// cluster returns the named cluster, which is made if nobody knew it. Overlay.mu
// is held, and whoever adds nothing to it has to call tidy.
func (o *Overlay) cluster(name string) *cluster {
	c := o.clusters[name]
	if c == nil {
		c = &cluster{name: name, held: list.New()}
		o.clusters[name] = c
	}
	return c
}

// tidy forgets a cluster that nobody serves or waits for. Overlay.mu is held.
func (o *Overlay) tidy(c *cluster) {
	if len(c.members) == 0 && c.held.Len() == 0 && c.waiting == 0 {
		delete(o.clusters, c.name)
	}
}

// join adds a member and returns the requests that waited for one.
func (c *cluster) join(m *Member) []*heldRequest {
	c.members = append(c.members, m)
	c.wake()
	return c.abandon()
}

// leave removes a member.
func (c *cluster) leave(m *Member) {
	c.members = without(c.members, m)
}

// wake lets waiting tunnels look again.
func (c *cluster) wake() {
	if c.joined != nil {
		close(c.joined)
		c.joined = nil
	}
}

// abandon takes out all held requests.
func (c *cluster) abandon() []*heldRequest {
	held := make([]*heldRequest, 0, c.held.Len())
	for c.held.Len() > 0 {
		held = append(held, c.held.Remove(c.held.Front()).(*heldRequest))
	}
	return held
}

// pick returns the member with the fewest requests and tunnels in hand that is not
// among the refused, and counts one more for it.
func (c *cluster) pick(refused []*Member) *Member {
	var best *Member
	var least int64
	start, n := c.start, len(c.members)
	for i := range n {
		m := c.members[(start+i)%n]
		if slices.Contains(refused, m) {
			continue
		}
		if load := m.load.Load(); best == nil || load < least {
			best, least = m, load
			c.start = (start + i + 1) % n // after it, or a busy member's turns all fall to its neighbour
		}
	}
	if best == nil {
		return nil
	}
	best.load.Add(1)
	return best
}

// without returns a copy of the members that lacks m. Whoever goes through the old
// slice is not disturbed, nor by one that is appended to.
func without(members []*Member, m *Member) []*Member {
	i := slices.Index(members, m)
	if i < 0 {
		return members
	}
	return slices.Concat(members[:i:i], members[i+1:])
}
