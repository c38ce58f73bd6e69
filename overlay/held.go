package overlay

import (
	"bytes"
	"container/list"
	"time"
)

// heldRequest is a request to a cluster that nobody serves, or of which no member has
// room. It waits until its deadline.
type heldRequest struct {
	origin   *Member
	token    uint64 // of the request among those of its origin
	body     []byte // a copy
	deadline time.Time
	number   uint64 // of those that were held: the order in which they go on

	cluster *cluster
	element *list.Element // in cluster.held
}

// size is what a held request counts against its origin, in bytes. The name counts
// each time, as the request may be the only reason that it is remembered.
func (h *heldRequest) size() int { return len(h.cluster.name) + len(h.body) }

// heldRequests are those of one member. Overlay.mu guards them.
type heldRequests struct {
	byToken map[uint64]*heldRequest
	bytes   int
}

// hold keeps a request until it can go on. It returns false if its origin holds too much
// already. Overlay.mu is held.
func (o *Overlay) hold(c *cluster, origin *Member, a attempt) bool {
	limit := o.config.HeldBytes
	if a.number > 0 {
		limit *= 2 // others may have taken its place while it was tried
	}
	if origin.held.bytes+len(c.name)+len(a.body) > limit {
		return false
	}
	if !origin.isOpen(a.token) {
		return true // answered meanwhile, by its deadline
	}
	h := a.held
	if h == nil {
		h = &heldRequest{origin: origin, token: a.token, body: bytes.Clone(a.body), deadline: a.deadline, number: a.number}
	}
	if h.number == 0 {
		o.holds++
		h.number = o.holds
	}
	h.cluster = c
	c.insert(h)
	if origin.held.byToken == nil {
		origin.held.byToken = make(map[uint64]*heldRequest)
	}
	origin.held.byToken[h.token] = h
	origin.held.bytes += h.size()
	o.retryLater(c)
	return true
}

// insert puts a request among those that wait. One that has waited before has its place
// before those that came later. Overlay.mu is held.
func (c *cluster) insert(h *heldRequest) {
	for e := c.held.Back(); e != nil; e = e.Prev() {
		if e.Value.(*heldRequest).number < h.number {
			h.element = c.held.InsertAfter(h, e)
			return
		}
	}
	h.element = c.held.PushFront(h)
}

// release gives up the accounts of requests that are held no longer. Overlay.mu is
// held.
func (o *Overlay) release(held []*heldRequest) {
	for _, h := range held {
		delete(h.origin.held.byToken, h.token)
		h.origin.held.bytes -= h.size()
	}
}

// drop takes a request out that was answered while it was held, if it was.
func (o *Overlay) drop(origin *Member, token uint64) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if h := origin.held.byToken[token]; h != nil {
		o.unhold(h)
	}
}

// dropAll takes out all that a member has waiting. Overlay.mu is held.
func (o *Overlay) dropAll(origin *Member) {
	for _, h := range origin.held.byToken {
		o.unhold(h)
	}
}

func (o *Overlay) unhold(h *heldRequest) {
	h.cluster.held.Remove(h.element)
	h.cluster.uncrowd()
	o.release([]*heldRequest{h})
	o.tidy(h.cluster)
}
