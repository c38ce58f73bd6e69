package peers

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/project-iris/iris/transport"
)

// Two nodes have one id when a machine is copied while its node runs: the leaf key is in
// its memory. To all others they are one node, which has lost its old link whenever the
// other one of the two makes a new one; they take each other's place without end.
//
// A node can tell by two signs. Its dial reaches a node that proves its id and is not
// itself: that is a proof. Or its peers close links that it uses because there is another
// one, while it knows of no other: it is told of the new link by the stream that takes it
// into use, or has made it itself, so that is seldom a race, and never [displacements]
// times in a row.
const (
	// displacements is how many links in use have to be closed for one that this node
	// does not have, within contestTime.
	displacements = 3
	contestTime   = time.Minute
	// contestGrace is how long a node goes on to fight for its links, if it has any. What
	// the two have said to their peers is mixed then: what the one says is old to those
	// who have heard more of the other. So the id is of no use to either, and the other
	// one is to notice as well: a displaced link is back, and displaces in turn, within
	// [crossing] and two tries.
	contestGrace = 15 * time.Second
)

// displacedBy is the reason of a link that was closed for another one, before the address
// that this one comes from.
const displacedBy = "another link is in use: "

// Contest says that another node has the id of this one.
type Contest struct {
	// Other is where the other one is, as far as that is known; empty if it is not. It
	// may be what a peer says, and is not to be trusted as to its content.
	Other string
	// Grace is how long to keep the id, so that the other one notices as well.
	Grace time.Duration
}

// contest is what a node has seen of another with its id. Its methods are safe for
// concurrent use.
type contest struct {
	mu        sync.Mutex
	displaced []time.Time // the latest, displacements at most
	noticed   bool
}

// displace notes that a link in use was displaced, and reports whether that says that
// there is another node, the first time.
func (c *contest) displace(now time.Time) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.displaced = slices.DeleteFunc(c.displaced, func(at time.Time) bool { return now.Sub(at) >= contestTime })
	c.displaced = append(c.displaced, now)
	if c.noticed || len(c.displaced) < displacements {
		return false
	}
	c.noticed = true
	return true
}

// prove notes a proof, and reports whether it is the first notice.
func (c *contest) prove() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	first := !c.noticed
	c.noticed = true
	return first
}

// hasLost reports whether a link was displaced.
func (c *contest) hasLost() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.displaced) > 0
}

// checkDisplaced looks whether a link that has ended was displaced by one of another node.
func (ps *Peers) checkDisplaced(p *Peer) {
	cause := context.Cause(p.Context())
	closed, ok := errors.AsType[*transport.ClosedError](cause)
	if !ok || closed.Code != CodeDuplicate || errors.Is(cause, transport.ErrClosed) || !p.wasUsed() || ps.hasOther(p) {
		return
	}
	if ps.contest.displace(time.Now()) {
		other, _ := strings.CutPrefix(closed.Reason, displacedBy)
		ps.config.Contested(Contest{Other: other, Grace: contestGrace})
	}
}

// checkReached looks whether a dial has reached another node with this id.
func (ps *Peers) checkReached(addr string, err error) {
	if !errors.Is(err, transport.ErrSameID) || !ps.contest.prove() {
		return
	}
	c := Contest{Other: addr}
	if len(ps.All()) > 0 || ps.contest.hasLost() {
		c.Grace = contestGrace
	}
	ps.config.Contested(c)
}

// hasOther reports whether there is another link to the same node, in use or not.
func (ps *Peers) hasOther(p *Peer) bool {
	ps.mu.Lock()
	defer ps.mu.Unlock()
	for other := range ps.links {
		if other != p && other.id == p.id && !other.isBulk() {
			return true
		}
	}
	return false
}

// displacing is why a link is closed for this one.
func (p *Peer) displacing() error {
	return &transport.ClosedError{Code: CodeDuplicate, Reason: displacedBy + p.link.RemoteAddr()}
}
