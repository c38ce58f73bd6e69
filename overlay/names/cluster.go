package names

import (
	"container/list"
	"slices"
	"time"
)

// cluster is a name that members serve or that somebody waits for.
type cluster struct {
	name    string
	members []Member   // elements never change in place: readers keep a snapshot
	start   int        // where the next pick starts, so that ties go round
	held    *list.List // of *Request, oldest first
	crowded bool       // some of held wait for room, not for a member
	parts   int        // requests that wait as their owners have their parts
	waiting []any      // who waits for a member, without a request
	retry   retry
	place   *Place // nil while nobody here sends to it

	delivered uint64 // broadcasts to members of this node, each as often as there are members
}

// cluster returns the named cluster, which is made if nobody knew it. Whoever adds nothing
// to it has to call tidy.
func (n *Names) cluster(name string) *cluster {
	c := n.clusters[name]
	if c == nil {
		c = &cluster{name: name, held: list.New()}
		n.clusters[name] = c
	}
	return c
}

// sought returns the named cluster for one who sends to it: it is looked up elsewhere from
// then on. Whoever adds nothing to it has to call tidy. Nil: this node is alone, and nobody
// knows the cluster.
func (n *Names) sought(owner Member, name []byte) *cluster {
	c := n.clusters[string(name)]
	if n.alone() || c != nil && c.place != nil {
		return c
	}
	if c == nil {
		c = n.cluster(string(name))
	}
	c.place = n.newPlace(owner, n.config.Hasher.Cluster(name), len(name), c)
	return c
}

// tidy forgets a cluster that nobody serves or waits for. It may be nil.
func (n *Names) tidy(c *cluster) {
	if c != nil && len(c.members) == 0 && c.idle() && c.place == nil {
		delete(n.clusters, c.name)
	}
}

// idle reports whether nobody waits.
func (c *cluster) idle() bool { return c.held.Len() == 0 && c.parts == 0 && len(c.waiting) == 0 }

// registerCluster notes whether this node has members of a cluster.
func (n *Names) registerCluster(c *cluster) {
	for _, h := range n.hashers() {
		n.register(h.Cluster([]byte(c.name)), len(c.members) > 0)
	}
}

// wake lets those go on who wait without a request.
func (c *cluster) wake() (waiters []any) {
	waiters, c.waiting = c.waiting, nil
	return waiters
}

// Members returns the members of a cluster at this node. The slice is not to be modified.
func (n *Names) Members(name []byte) []Member {
	if c := n.clusters[string(name)]; c != nil {
		return c.members
	}
	return nil
}

// Deliver returns the members of a cluster at this node as Members does, for one who delivers
// a broadcast to them, which is counted.
func (n *Names) Deliver(name []byte) []Member {
	c := n.clusters[string(name)]
	if c == nil {
		return nil
	}
	c.delivered += uint64(len(c.members))
	n.delivered.Broadcasts += uint64(len(c.members))
	return c.members
}

// Wait lets somebody of a member wait for a member of a cluster, who is no request: it is among
// those that [Resumed] has then. StopWaiting ends that.
func (n *Names) Wait(now time.Time, owner Member, name []byte, who any) {
	c := n.sought(owner, name)
	if c == nil {
		c = n.cluster(string(name))
	}
	c.waiting = append(c.waiting, who)
	n.retryLater(now, c)
}

// StopWaiting says that somebody waits for a member no more. To say it twice is fine.
func (n *Names) StopWaiting(name []byte, who any) {
	if c := n.clusters[string(name)]; c != nil {
		c.waiting = slices.DeleteFunc(c.waiting, func(other any) bool { return other == who })
		n.tidy(c)
	}
}

// without returns a copy of the members that lacks m. Whoever goes through the old slice is
// not disturbed, nor by one that is appended to.
func without(members []Member, m Member) []Member {
	i := slices.Index(members, m)
	if i < 0 {
		return members
	}
	return slices.Concat(members[:i:i], members[i+1:])
}
