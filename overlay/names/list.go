package names

import "github.com/project-iris/iris/transport"

// Delivered counts what was delivered to members of this node, each message once for each that
// it was handed to.
type Delivered struct {
	Events     uint64
	Broadcasts uint64
}

// Listed is a name, as [Names.List] tells of it.
type Listed struct {
	Name      string
	Topic     bool               // it is a topic; or else a cluster
	Here      int                // members or subscribers at this node
	Full      int                // of these members: those that have no room for requests
	Nodes     []transport.PeerID // other nodes that serve it, as far as is known; not to be modified
	Sought    bool               // somebody here sends to it, so that Nodes are looked up
	Known     bool               // enough was heard to tell where it is served
	Held      int                // requests of this node that wait
	Crowded   bool               // some of these wait for room, not for a member
	Waiting   int                // tunnels of this node that wait for a member
	Delivered uint64             // broadcasts or events, once for each member that got one
}

// List returns names, so many of clusters and of topics at most, any of them where there are
// more.
func (n *Names) List(most int) []Listed {
	list := make([]Listed, 0, min(len(n.clusters), most)+min(len(n.topics), most))
	for _, c := range n.clusters {
		if len(list) == most {
			break
		}
		l := Listed{Name: c.name, Here: len(c.members), Held: c.held.Len(), Crowded: c.crowded, Waiting: len(c.waiting), Delivered: c.delivered}
		for _, m := range c.members {
			if m.Room().full {
				l.Full++
			}
		}
		list = append(list, c.place.listed(l))
	}
	clusters := len(list)
	for _, t := range n.topics {
		if len(list)-clusters == most {
			break
		}
		list = append(list, t.place.listed(Listed{Name: t.name, Topic: true, Here: len(t.members), Delivered: t.delivered}))
	}
	return list
}

// listed adds what is known of other nodes.
func (p *Place) listed(l Listed) Listed {
	if p != nil {
		l.Nodes, l.Sought, l.Known = p.nodes, true, p.known
	}
	return l
}

// Account is what a member has of names.
type Account struct {
	Held, HeldBytes int // requests that wait
	Topics          int // subscriptions
}

// Account returns what a member has of names.
func (n *Names) Account(m Member) Account {
	a := n.accounts[m]
	if a == nil {
		return Account{}
	}
	return Account{Held: len(a.held), HeldBytes: a.heldBytes, Topics: len(a.topics)}
}
