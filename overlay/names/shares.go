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
	if !n.alone() {
		a.serving, a.asking = n.served.Holder(), n.asked.Holder()
	}
	return a
}

// pay has a member pay for a name that it wants to serve, unless another one is there first.
func (n *Names) pay(a *account, first Member) error {
	if first != nil {
		return nil
	}
	return a.serving.Take(1)
}

// inherit has the next one pay for a name that it serves, or nobody, if its first member has
// changed.
func (n *Names) inherit(before, after Member) {
	switch {
	case before == after || before == nil:
	case after == nil:
		n.accounts[before].serving.Give(1)
	default:
		n.accounts[before].serving.Move(n.accounts[after].serving, 1)
	}
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

// asking returns what places are taken of for a member. Those that are detached share one.
func (n *Names) asking(m Member) *budget.Holder {
	if a := n.accounts[m]; a != nil {
		return a.asking
	}
	return n.gone
}
