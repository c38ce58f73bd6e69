package overlay

import "container/list"

// cluster is a name that members serve or that somebody waits for. Overlay.mu
// guards all of it.
type cluster struct {
	name    string
	members []*Member     // elements never change in place: readers keep a snapshot
	start   int           // where the next pick starts, so that ties go round
	held    *list.List    // of *heldRequest, oldest first
	crowded bool          // some of held wait for room, not for a member
	joined  chan struct{} // closed when a member joins; nil while no tunnel waits
	waiting int           // tunnels that wait
	retry   retry
	away    *place // where else it is served; nil while nobody here sends to it
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
	if len(c.members) == 0 && c.held.Len() == 0 && c.waiting == 0 && c.away == nil {
		delete(o.clusters, c.name)
	}
}

// join adds a member and returns the requests that waited for one. Those that wait for
// room are handed over by Resume.
func (c *cluster) join(m *Member) []*heldRequest {
	c.members = append(c.members, m)
	c.wake()
	if c.crowded {
		return nil
	}
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
	c.crowded = false
	return held
}

// pick returns the member of this node with the fewest requests and tunnels in hand
// that is neither among the refused nor full, and nil if there is none.
func (c *cluster) pick(refused *refusals) *Member {
	var best *Member
	var least int64
	start, n := c.start, len(c.members)
	for i := range n {
		m := c.members[(start+i)%n]
		if m.room.full && !refused.anyway || refused.has(target{member: m}) {
			continue
		}
		if load := m.load.Load(); best == nil || load < least {
			best, least = m, load
			c.start = (start + i + 1) % n // after it, or a busy member's turns all fall to its neighbour
		}
	}
	return best
}
