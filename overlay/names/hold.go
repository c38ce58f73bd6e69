package names

import (
	"bytes"
	"container/list"
	"time"

	"github.com/project-iris/iris/overlay/trace"
)

// Attempt is an open request for which a member or a node is sought that takes it.
type Attempt struct {
	Token         uint64 // among those of the member that asks
	Cluster, Body []byte // borrowed, or those of Held
	Deadline      time.Time
	Refused       Refusals
	Impatient     bool         // it is not to wait for a member if nobody serves the cluster
	Held          *Request     // the request as it was held; nil if it was not, or was sent since
	Waited        string       // the cluster, if it was held before
	Limit         error        // why the cluster is not looked up elsewhere; nil: it is
	Trace         *trace.Trace // of the request; nil: it is not traced

	number uint64 // of the request among those that were held; 0: it was not
}

// Request is one that is held. It waits until its deadline.
type Request struct {
	Owner    Member
	Token    uint64 // of the request among those of its owner
	Cluster  string
	Body     []byte // a copy
	Deadline time.Time

	trace     *trace.Trace
	impatient bool
	number    uint64 // of those that were held: the order in which they go on
	cluster   *cluster
	element   *list.Element // in cluster.held, or in parts of its owner
	part      bool          // it waits as its owner has its part
}

// Attempt returns the request on its way, when it goes on.
func (r *Request) Attempt() Attempt {
	return Attempt{
		Token: r.Token, Cluster: []byte(r.Cluster), Body: r.Body, Deadline: r.Deadline, Impatient: r.impatient, Trace: r.trace,
		Held: r, Waited: r.Cluster, number: r.number,
	}
}

// Back returns the attempt with what another node has sent back, which has refused it.
func (a *Attempt) Back(cluster, body []byte) Attempt {
	back := *a
	back.Cluster, back.Body, back.Held = cluster, body, nil
	return back
}

// size is what a held request counts against its owner, in bytes. The name counts each
// time, as the request may be the only reason that it is remembered.
func (r *Request) size() int { return len(r.Cluster) + len(r.Body) }

// hold keeps a request until it can go on. It returns false if its owner has too much
// waiting already, or is detached.
func (n *Names) hold(now time.Time, c *cluster, owner Member, a *Attempt) bool {
	account := n.accounts[owner]
	if account == nil || n.draining {
		return false
	}
	limit := n.config.HeldBytes
	if a.Waited != "" {
		limit *= 2 // others may have taken its place while it was tried
	}
	if account.heldBytes+len(c.name)+len(a.Body) > limit {
		return false
	}
	if !owner.Open(a.Token) {
		return true // answered meanwhile, by its deadline
	}
	size := heldMemory + int64(len(c.name)+len(a.Body))
	if a.Waited != "" {
		account.memory.Force(size)
	} else if err := account.memory.Take(size); err != nil {
		a.Limit = err
		return false
	}
	r := a.Held
	if r == nil {
		r = &Request{Owner: owner, Token: a.Token, Cluster: c.name, Body: bytes.Clone(a.Body), Deadline: a.Deadline, impatient: a.Impatient, number: a.number, trace: a.Trace}
	}
	r.part = a.Refused.part != nil
	if r.number == 0 && !r.part { // else it is no older than what comes later
		n.holds++
		r.number = n.holds
	}
	r.cluster = c
	if r.part {
		r.element = account.parts.PushBack(r)
		c.parts++
		owner.Room().parts.Add(1)
	} else {
		c.insert(r)
	}
	if account.held == nil {
		account.held = make(map[uint64]*Request)
	}
	account.held[r.Token] = r
	account.heldBytes += r.size()
	n.retryLater(now, c)
	return true
}

// insert puts a request among those that wait. One that has waited before has its place
// before those that came later.
func (c *cluster) insert(r *Request) {
	for e := c.held.Back(); e != nil; e = e.Prev() {
		if e.Value.(*Request).number < r.number {
			r.element = c.held.InsertAfter(r, e)
			return
		}
	}
	r.element = c.held.PushFront(r)
}

// Unhold takes a request out that was answered while it was held, and reports whether it was.
func (n *Names) Unhold(owner Member, token uint64) bool {
	a := n.accounts[owner]
	if a == nil {
		return false
	}
	r := a.held[token]
	if r != nil {
		n.unhold(r)
		n.tidy(r.cluster)
	}
	return r != nil
}

// unhold takes a request out.
func (n *Names) unhold(r *Request) {
	a := n.accounts[r.Owner]
	if r.part {
		a.parts.Remove(r.element)
		r.cluster.parts--
		r.Owner.Room().parts.Add(-1)
	} else {
		r.cluster.held.Remove(r.element)
		r.cluster.crowded = r.cluster.crowded && r.cluster.held.Len() > 0
	}
	delete(a.held, r.Token)
	a.heldBytes -= r.size()
	a.memory.Give(heldMemory + int64(r.size()))
}
