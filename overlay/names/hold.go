package names

import (
	"bytes"
	"container/list"
	"time"
)

// Request is one that is held.
type Request struct {
	Owner    Member
	Token    uint64 // of the request among those of its owner
	Cluster  string
	Body     []byte // a copy
	Deadline time.Time

	cluster *cluster
	element *list.Element // in cluster.held
}

// size is what a held request counts against its owner, in bytes. The name counts each
// time, as the request may be the only reason that it is remembered.
func (r *Request) size() int { return len(r.Cluster) + len(r.Body) }

// Hold keeps a request until somebody serves the cluster, or may take it. It returns false
// if its owner has too much waiting already, or is detached. The body is borrowed.
func (n *Names) Hold(now time.Time, owner Member, token uint64, name, body []byte, deadline time.Time) bool {
	a := n.accounts[owner]
	if a == nil || n.draining || a.heldBytes+len(name)+len(body) > n.config.HeldBytes {
		return false
	}
	c := n.sought(name)
	if c == nil {
		c = n.cluster(string(name))
	}
	r := &Request{
		Owner: owner, Token: token, Cluster: c.name, Body: bytes.Clone(body), Deadline: deadline, cluster: c,
	}
	r.element = c.held.PushBack(r)
	if a.held == nil {
		a.held = make(map[uint64]*Request)
	}
	a.held[token] = r
	a.heldBytes += r.size()
	n.retryLater(now, c)
	return true
}

// Unhold takes a request out that was answered while it was held, if it was.
func (n *Names) Unhold(owner Member, token uint64) {
	a := n.accounts[owner]
	if a == nil {
		return
	}
	if r := a.held[token]; r != nil {
		n.unhold(r)
		n.tidy(r.cluster)
	}
}

// unhold takes a request out.
func (n *Names) unhold(r *Request) {
	r.cluster.held.Remove(r.element)
	a := n.accounts[r.Owner]
	delete(a.held, r.Token)
	a.heldBytes -= r.size()
}

// Held returns how many requests a member has waiting, and their bytes.
func (n *Names) Held(owner Member) (requests, bytes int) {
	if a := n.accounts[owner]; a != nil {
		return len(a.held), a.heldBytes
	}
	return 0, 0
}
