package names

import (
	"slices"
	"time"

	"github.com/project-iris/iris/transport"
)

// What waits for a cluster is tried again though the directory knows nodes that serve it:
// the link to them is lost, there is no room in the lane, or they have refused it and may
// serve it since.
const (
	retryMin = 100 * time.Millisecond
	retryMax = 3200 * time.Millisecond
	// retryRoom is retryMax for what waits for room, which usually comes soon. A node that
	// has none is sent a request, and sends it back, so often.
	retryRoom = 800 * time.Millisecond
)

// retry is when what waits for a cluster is tried again.
type retry struct {
	due  time.Time
	wait time.Duration // that led to due; zero: it was not tried again yet

	batch   int  // of those that wait for room, sent at the end of the pause
	refused bool // one was refused since the last of them were sent
}

// retryLater tries what waits for a cluster again, if there are nodes that serve it.
func (n *Names) retryLater(now time.Time, c *cluster) {
	if c.place == nil || len(c.place.nodes) == 0 {
		return
	}
	if _, waits := n.retries[c]; waits {
		return
	}
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
}

// Linked says that there is a link to a node: what waits for it goes on with the next
// Retry.
func (n *Names) Linked(id transport.PeerID) {
	for c := range n.retries {
		if c.place != nil && slices.Contains(c.place.nodes, id) {
			c.retry = retry{}
		}
	}
}

// Next returns when Retry is due, if it is.
func (n *Names) Next() (at time.Time, ok bool) {
	for c := range n.retries {
		if !ok || c.retry.due.Before(at) {
			at, ok = c.retry.due, true
		}
	}
	return at, ok
}

// Retry lets those go on that are to be tried again.
func (n *Names) Retry(now time.Time) (resumed Resumed) {
	for c := range n.retries {
		switch {
		case c.idle():
			c.retry = retry{}
			delete(n.retries, c)
		case c.retry.due.After(now):
		case n.reachable(c.place):
			delete(n.retries, c)
			resumed.Add(Resumed{Waiters: c.wake(), Requests: n.again(now, c)})
		default: // there is no link: that costs nobody anything
			n.want(c.place)
			c.retry.due = now.Add(retryMin)
		}
	}
	return resumed
}

// want asks for links to some nodes of a place.
func (n *Names) want(p *Place) {
	if p == nil || len(p.nodes) == 0 {
		return
	}
	first := n.config.Draw(len(p.nodes))
	for i := range min(mostWanted, len(p.nodes)) {
		n.config.Want(p.nodes[(first+i)%len(p.nodes)])
	}
}

// reachable reports whether there is a link to a node of a place.
func (n *Names) reachable(p *Place) bool {
	return p != nil && slices.ContainsFunc(p.nodes, n.config.Linked)
}
