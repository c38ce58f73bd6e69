package names

import "github.com/project-iris/iris/transport/budget"

// A node may tell others of a bounded number of names, and watch as many, and its members
// share that. A name that several members serve, or are subscribed to, is paid for by the first
// of them, and by the next when that one leaves. A place is paid for by the member that it was
// made for, until it is given up.
const (
	// defaultNames is the default of Config.Served and Config.Asked. Others take no more from
	// one node.
	defaultNames = 1 << 16
	// nameShare is how many names each member may have in any case, up to a quarter of all
	// for all of them.
	nameShare = 64
	// nameGreed lets one member have seven eighths of the rest while nobody else wants them.
	nameGreed = 7
)

func newBudget(name string, limit int64) *budget.Budget {
	if limit <= 0 {
		limit = defaultNames
	}
	return budget.New(budget.Config{Name: name, Limit: limit, Share: min(nameShare, limit), Greed: nameGreed})
}

// newAccount returns the account of a member that is about to attach.
func (n *Names) newAccount(cluster string) *account {
	a := &account{cluster: cluster}
	if n.config.Memory != nil {
		a.memory = budget.NewBlocks(n.config.Memory.Holder())
	}
	if !n.alone() {
		a.serving, a.asking = n.served.Holder(), n.asked.Holder()
	}
	return a
}

// What names take of the memory besides their bytes: one that is served or subscribed to, of
// which this node keeps the hash, and tells others; one that is asked; and a subscription.
const (
	servedMemory       = 768
	placeMemory        = 896
	subscriptionMemory = 64
	heldMemory         = 256 // of a request that waits
)

// pay has a member pay for a name that it wants to serve, unless another one is there first.
func (n *Names) pay(a *account, name string, first Member) error {
	if first != nil {
		return nil
	}
	if err := a.serving.Take(1); err != nil {
		return err
	}
	if err := a.memory.Take(servedMemory + int64(len(name))); err != nil {
		a.serving.Give(1)
		return err
	}
	return nil
}

// inherit has the next one pay for a name that it serves, or nobody, if its first member has
// changed.
func (n *Names) inherit(name string, before, after Member) {
	if before == after || before == nil {
		return
	}
	from, bytes := n.accounts[before], servedMemory+int64(len(name))
	from.memory.Give(bytes)
	if after == nil {
		from.serving.Give(1)
		return
	}
	to := n.accounts[after]
	from.serving.Move(to.serving, 1)
	to.memory.Force(bytes)
}

// first returns the member that pays for the name of a cluster, which may be nil, or nil if
// there is none.
func (c *cluster) first() Member {
	if c == nil || len(c.members) == 0 {
		return nil
	}
	return c.members[0]
}

// first is as that of a cluster.
func (t *topic) first() Member {
	if t == nil || len(t.members) == 0 {
		return nil
	}
	return t.members[0]
}

// Limit says why a cluster is not looked up elsewhere, and is nil where it is.
func (n *Names) Limit(cluster []byte) error {
	if c := n.clusters[string(cluster)]; n.alone() || c != nil && c.place != nil {
		return nil
	}
	return n.refusal
}

// TopicLimit is Limit for a topic.
func (n *Names) TopicLimit(topic []byte) error {
	if t := n.topics[string(topic)]; n.alone() || t != nil && t.place != nil {
		return nil
	}
	return n.refusal
}

// asking returns the account that places are taken of for a member. Those that are detached share
// one.
func (n *Names) asking(m Member) *account {
	if a := n.accounts[m]; a != nil {
		return a
	}
	return n.gone
}
