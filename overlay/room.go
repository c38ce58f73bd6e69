package overlay

// A request that no member has room for waits as one does that has no member. Each event
// that makes room lets those go on that have waited longest, as many as there is room for:
//
//   - A member of this node that has refused says when it has room again, and is not asked
//     before. So it costs nothing that many wait for it.
//   - Another node says nothing of that kind. It is asked with one request after a pause,
//     which grows while it refuses, and with twice as many after each pause in which it
//     refused none; and with two when it has answered one that had waited.
//
// While some wait for room, what comes later waits behind them.

// maxBatch is how many requests that wait for room are sent to other nodes at once.
const maxBatch = 1 << 10

// room is whether a member takes requests. Overlay.mu guards it.
type room struct {
	full bool   // the member has refused a request since it last made room
	made uint64 // how often it has
}

// Resume says that the member has room for requests again, after its handler has refused
// one. Requests that wait for room are handed to it before Resume returns. It may be called
// at any time, but not from within the handler's HandleRequest.
func (m *Member) Resume() {
	o := m.overlay
	o.mu.Lock()
	m.room.full = false
	m.room.made++
	c := o.clusters[m.cluster]
	o.mu.Unlock()
	if c != nil {
		o.fill(c)
	}
}

// refused notes that a member has refused a request, unless it has made room since it was
// picked.
func (o *Overlay) refused(to target) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if r := &to.member.room; r.made == to.made {
		r.full = true
	}
}

// makeRoom reports whether requests can be handed to the member again that was full of
// those in its hands, now that it has one less. Member.mu is held; who is told so has to
// call Resume without it.
func (m *Member) makeRoom() bool {
	was := m.many
	m.many = false
	return was && !m.closed
}

// resumeWithOneLess is Resume for a member that was full of requests in its hands, and has
// one less.
func (m *Member) resumeWithOneLess() {
	m.mu.Lock()
	room := m.makeRoom()
	m.mu.Unlock()
	if room {
		m.Resume()
	}
}

// hasRoom reports whether a member of this node takes requests, as far as is known.
// Overlay.mu is held.
func (c *cluster) hasRoom() bool {
	for _, m := range c.members {
		if !m.room.full {
			return true
		}
	}
	return false
}

// fill hands requests that wait for room to the members of this node, oldest first, until
// these are full.
func (o *Overlay) fill(c *cluster) {
	for {
		o.mu.Lock()
		var held []*heldRequest
		if c.crowded && c.hasRoom() {
			held = o.take(c, 1)
		}
		o.mu.Unlock()
		if len(held) == 0 {
			return
		}
		o.goOn(held)
	}
}

// take takes out up to n requests that wait, oldest first. Overlay.mu is held.
func (o *Overlay) take(c *cluster, n int) []*heldRequest {
	held := make([]*heldRequest, 0, min(n, c.held.Len()))
	for len(held) < cap(held) {
		held = append(held, c.held.Remove(c.held.Front()).(*heldRequest))
	}
	c.uncrowd()
	o.release(held)
	o.tidy(c)
	return held
}

// uncrowd notes that none waits any more, if that is so. Overlay.mu is held.
func (c *cluster) uncrowd() { c.crowded = c.crowded && c.held.Len() > 0 }

// holding is what became of a request that was to wait for room.
type holding int

const (
	holdingDone    holding = iota // it waits
	holdingRefused                // it cannot
	holdingNot                    // a member has room meanwhile
)

// holdForRoom holds a request for which there was no room at those that could take it, or
// on the way to them.
func (o *Overlay) holdForRoom(from *Member, a attempt) holding {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.draining {
		return holdingRefused
	}
	c := o.cluster(string(a.cluster))
	defer o.tidy(c)
	switch {
	case !a.refused.busy && len(c.members) == 0: // it could not wait for a member either
		return holdingRefused
	case c.hasRoom():
		return holdingNot
	}
	return o.holdCrowded(c, from, a)
}

// holdCrowded holds a request behind those that wait for room. Overlay.mu is held.
func (o *Overlay) holdCrowded(c *cluster, from *Member, a attempt) holding {
	c.retry.refused = c.retry.refused || a.number > 0 || !c.crowded
	if !o.hold(c, from, a) {
		return holdingRefused
	}
	c.crowded = c.held.Len() > 0
	return holdingDone
}

// roomAway lets two go on that wait for room, as another node has answered one that had
// waited.
func (o *Overlay) roomAway(c *cluster) {
	o.mu.Lock()
	var held []*heldRequest
	if c.crowded {
		held = o.take(c, 2)
	}
	o.mu.Unlock()
	o.goOn(held)
}

// retryCrowded takes out what is asked other nodes for after a pause, and sets the next
// one. Overlay.mu is held.
func (o *Overlay) retryCrowded(c *cluster) []*heldRequest {
	if c.retry.refused {
		c.retry.batch = 1
	} else {
		c.retry.batch = min(max(2*c.retry.batch, 1), maxBatch)
		c.retry.wait = 0
	}
	c.retry.refused = false
	held := o.take(c, c.retry.batch)
	if c.needed() {
		o.retryLater(c)
	}
	return held
}
