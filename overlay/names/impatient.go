package names

// A request may be impatient: it is not to wait for a member if nobody serves its cluster.
// As long as this node does not know whether somebody does it waits, as any other; so it does
// while the nodes that serve the cluster cannot be reached, or have no room. As soon as it is
// known that nobody serves the cluster it goes on, and Pick says so.

// unserved reports whether nobody serves a cluster, nil if nobody knows it. It is false as
// long as the directory has not told.
func (n *Names) unserved(c *cluster) bool {
	if c != nil && len(c.members) > 0 {
		return false
	}
	return n.alone() || c.place != nil && c.place.known && len(c.place.nodes) == 0
}

// takeImpatient takes the requests out that are impatient and wait for a cluster that nobody
// serves.
func (n *Names) takeImpatient(c *cluster) (taken []*Request) {
	if !n.unserved(c) {
		return nil
	}
	for e := c.held.Front(); e != nil; {
		r := e.Value.(*Request)
		e = e.Next()
		if r.impatient {
			n.unhold(r)
			taken = append(taken, r)
		}
	}
	n.tidy(c)
	return taken
}
