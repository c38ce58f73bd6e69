package overlay

import "time"

// retryWait is how long a request or a tunnel waits before it is tried again though the
// directory knows nodes that serve its cluster: the link to them is lost, there is no
// room on the way, or they have refused it and may serve it since. What the directory
// learns lets it go on sooner.
const retryWait = 100 * time.Millisecond

// retryLater tries what waits for a cluster again, if there are nodes that serve it.
// Overlay.mu is held.
func (o *Overlay) retryLater(c *cluster) {
	if c.away == nil || len(c.away.nodes) == 0 {
		return
	}
	n := o.net
	if len(n.retries) == 0 {
		n.retry.Reset(retryWait)
	}
	n.retries[c] = struct{}{}
}

// retryHeld tries again what retryLater was called for.
func (n *network) retryHeld() {
	o := n.overlay
	o.mu.Lock()
	var held []*heldRequest
	for c := range n.retries {
		switch {
		case !c.needed():
			delete(n.retries, c)
		case o.reachable(c.away):
			delete(n.retries, c)
			c.wake()
			held = append(held, c.abandon()...)
		}
	}
	o.release(held)
	if len(n.retries) > 0 {
		n.retry.Reset(retryWait)
	}
	o.mu.Unlock()
	n.overlay.goOn(held)
}

// holdForRoom holds a request that found no room on the way to the nodes that serve its
// cluster, as hold does.
func (o *Overlay) holdForRoom(from *Member, token uint64, name, body []byte, deadline time.Time) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.draining {
		return false
	}
	c := o.cluster(string(name))
	defer o.tidy(c)
	return o.hold(c, from, token, body, deadline)
}

// reachable reports whether there is a link to a node of a place. Overlay.mu is held.
func (o *Overlay) reachable(p *place) bool {
	if p == nil {
		return false
	}
	for _, id := range p.nodes {
		if r := o.remotes[id]; r != nil && !r.ended() {
			return true
		}
	}
	return false
}

// goOn dispatches requests that were held.
func (o *Overlay) goOn(held []*heldRequest) {
	for _, h := range held {
		if h.origin.isOpen(h.token) {
			h.origin.dispatch(h.token, []byte(h.cluster.name), h.body, h.deadline, refusals{}, false)
		}
	}
}
