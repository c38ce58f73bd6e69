package overlay

import (
	"bytes"
	"container/list"
	"time"
)

// heldRequest is a request to a cluster that nobody serves. It waits for a member
// until its deadline.
type heldRequest struct {
	origin   *Member
	token    uint64 // of the request among those of its origin
	body     []byte // a copy
	deadline time.Time

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

// hold keeps a request until a member joins the cluster. It returns false if its
// origin holds too much already. Overlay.mu is held.
func (o *Overlay) hold(c *cluster, origin *Member, token uint64, body []byte, deadline time.Time) bool {
	if origin.held.bytes+len(c.name)+len(body) > o.config.HeldBytes {
		return false
	}
	if !origin.isOpen(token) {
		return true // answered meanwhile, by its deadline
	}
	h := &heldRequest{origin: origin, token: token, body: bytes.Clone(body), deadline: deadline, cluster: c}
	h.element = c.held.PushBack(h)
	if origin.held.byToken == nil {
		origin.held.byToken = make(map[uint64]*heldRequest)
	}
	origin.held.byToken[token] = h
	origin.held.bytes += h.size()
	o.retryLater(c)
	return true
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
	o.release([]*heldRequest{h})
	o.tidy(h.cluster)
}
