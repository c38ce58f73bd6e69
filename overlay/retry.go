package overlay

import (
	"slices"
	"time"

	"github.com/project-iris/iris/overlay/wire"
)

// What waits for a cluster is tried again though the directory knows nodes that serve it:
// the link to them is lost, there is no room on the way, or they have refused it and may
// serve it since. The first time that is after retryMin, and then twice as long each time
// up to retryMax, as nodes may claim for ever what they do not serve. What the directory
// learns, or a new link, lets it go on sooner.
const (
	retryMin = 100 * time.Millisecond
	retryMax = 3200 * time.Millisecond
	// retryRoom is retryMax for what waits for room, which usually comes soon. A node that
	// has none is sent a request, and sends it back, so often.
	retryRoom = 800 * time.Millisecond
)

// retry is when what waits for a cluster is tried again. Overlay.mu guards it.
type retry struct {
	due  time.Time
	wait time.Duration // that led to due; zero: it was not tried again yet

	batch   int  // of those that wait for room, sent at the end of the pause
	refused bool // one was refused since the last of them were sent
}

// retryLater tries what waits for a cluster again, if there are nodes that serve it.
// Overlay.mu is held.
func (o *Overlay) retryLater(c *cluster) {
	n := o.net
	if c.away == nil || len(c.away.nodes) == 0 {
		return
	}
	if _, waits := n.retries[c]; waits {
		return
	}
	now := time.Now()
	if now.Sub(c.retry.due) > retryMax {
		c.retry = retry{} // it went well for a while
	}
	most := retryMax
	if c.crowded {
		most = retryRoom
	}
	c.retry.wait = min(max(2*c.retry.wait, retryMin), most)
	c.retry.due = now.Add(c.retry.wait)
	n.retries[c] = struct{}{}
	n.setRetry(c.retry.due)
}

// retryOver tries what waits for clusters that a node serves, as there is a link to it.
// Overlay.mu is held.
func (n *network) retryOver(id wire.NodeID) {
	for c := range n.retries {
		if c.away != nil && slices.Contains(c.away.nodes, id) {
			c.retry = retry{}
			n.setRetry(c.retry.due)
		}
	}
}

// setRetry lets retryHeld run at a time, or sooner. Overlay.mu is held.
func (n *network) setRetry(due time.Time) {
	if n.retryAt.IsZero() || due.Before(n.retryAt) {
		n.retryAt = due
		n.retryTimer.Reset(time.Until(due))
	}
}

// retryHeld tries again what is due.
func (n *network) retryHeld() {
	o := n.overlay
	o.mu.Lock()
	var held []*heldRequest
	now := time.Now()
	n.retryAt = time.Time{}
	for c := range n.retries {
		switch {
		case !c.needed():
			c.retry = retry{}
			delete(n.retries, c)
		case c.retry.due.After(now):
			n.setRetry(c.retry.due)
		case o.reachable(c.away):
			delete(n.retries, c)
			c.wake()
			held = append(held, o.again(c)...)
		default: // there is no link: that costs nobody anything
			c.retry.due = now.Add(retryMin)
			n.setRetry(c.retry.due)
		}
	}
	o.mu.Unlock()
	n.overlay.goOn(held)
}

// again takes out the requests to a cluster that are tried again now. Overlay.mu is held.
func (o *Overlay) again(c *cluster) []*heldRequest {
	if c.crowded {
		return o.retryCrowded(c)
	}
	held := c.abandon()
	o.release(held)
	return held
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
			h.origin.dispatch(attempt{
				token: h.token, cluster: []byte(h.cluster.name), body: h.body, deadline: h.deadline, number: h.number, held: h,
			})
		}
	}
}
