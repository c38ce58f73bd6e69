package names

import (
	"container/list"
	"time"

	"github.com/project-iris/iris/overlay/balance"
	"github.com/project-iris/iris/overlay/directory"
	"github.com/project-iris/iris/overlay/wire"
	"github.com/project-iris/iris/transport"
	"github.com/project-iris/iris/transport/budget"
)

// Name is the codec's.
type Name = wire.Name

// Member is a member of this node. It is compared by identity.
type Member interface {
	// Load is how many requests and tunnels it has in hand, and Take counts one more,
	// when it is picked.
	Load() int64
	Take()
	// Cost is what one more would cost, as that of another node: package balance.
	Cost(now time.Time) float64
	// Measured is what that cost is made of.
	Measured(now time.Time) balance.Measured
	// Room is whether it takes requests. Only Names look at it.
	Room() *Room
	// Open reports whether a request of it still waits for its answer.
	Open(token uint64) bool
}

// Route is how messages get to all nodes that serve a name.
type Route interface {
	Move(nodes []transport.PeerID) // other nodes serve it now
	Close()
}

// Config configures [Names]. Bounds are required; without a Hasher the node is alone, and
// the rest is not used.
type Config struct {
	// Hasher makes the names by which the directory knows clusters and topics.
	Hasher *directory.Hasher
	// Also makes other names of the same clusters and topics, under which this node
	// registers them too: other nodes look for them by these while the network key is
	// replaced.
	Also []*directory.Hasher
	// Linked reports whether there is a link to a node, and Want asks for one, which
	// [Names.Linked] is told of. Neither may block, or call Names.
	Linked func(id transport.PeerID) bool
	Want   func(id transport.PeerID)
	// Route makes a route to nodes.
	Route func(nodes []transport.PeerID) Route
	// Draw returns a random number below n.
	Draw func(n int) int

	// HeldBytes is how many bytes of requests, the names of their clusters included, a
	// member may have waiting.
	HeldBytes int
	// Topics and TopicBytes are how many topics a member may be subscribed to, and how many
	// bytes their names may have together.
	Topics, TopicBytes int
	// Served and Asked are how many names members may serve or be subscribed to together,
	// and how many may be looked up for them at a time. Other nodes take no more than 65,536
	// of each, which is the default.
	Served, Asked int64
	// Memory is what names, and requests that wait, are taken of, in bytes. Nil: no limit.
	Memory *budget.Budget
}

// Names are what a node knows about names.
type Names struct {
	config   Config
	clusters map[string]*cluster // those with members, a place, or somebody who waits
	topics   map[string]*topic   // those with subscribers or a place
	accounts map[Member]*account
	holds    uint64 // requests that were held
	draining bool

	// Of the network.
	registered map[Name]struct{} // what members here serve or are subscribed to
	places     map[Name]*Place
	placeBytes int                   // of their full names
	touched    map[Name]struct{}     // whose registration or place may have changed
	large      bool                  // touched has held many
	retries    map[*cluster]struct{} // that are to be tried again

	placesFull uint64
	delivered  Delivered

	served, asked *budget.Budget // registrations and places; nil: this node is alone
	gone          *account       // of members that are detached: what its places are taken of
	refusal       error          // why the last name that was not looked up was not
}

// account is what a member has.
type account struct {
	serving    *budget.Holder // registrations that it is the first reason for
	asking     *budget.Holder // places that were made for it
	memory     *budget.Blocks // what names and requests take that are here for it
	cluster    string         // that it serves; empty for none
	topics     map[string]struct{}
	topicBytes int                 // of their names
	held       map[uint64]*Request // by their tokens
	heldBytes  int
	parts      list.List // of held: those that wait as the member has its part, oldest first
}

// Resumed are those who can go on. Its owner tells them.
type Resumed struct {
	Requests []*Request // that were held, oldest first
	Waiters  []any      // what Wait and AwaitKnown were given
}

// Add adds others.
func (r *Resumed) Add(more Resumed) {
	r.Requests = append(r.Requests, more.Requests...)
	r.Waiters = append(r.Waiters, more.Waiters...)
}

// New returns names that nobody uses.
func New(config Config) *Names {
	n := &Names{
		config:     config,
		clusters:   make(map[string]*cluster),
		topics:     make(map[string]*topic),
		accounts:   make(map[Member]*account),
		registered: make(map[Name]struct{}),
		places:     make(map[Name]*Place),
		touched:    make(map[Name]struct{}),
		retries:    make(map[*cluster]struct{}),
	}
	if !n.alone() {
		n.served = newBudget("names that are served or subscribed to", config.Served)
		n.asked = newBudget("names that are asked or sent to", config.Asked)
	}
	n.gone = n.newAccount("")
	return n
}

func (n *Names) alone() bool { return n.config.Hasher == nil }

// Attach adds a member, which serves the named cluster unless that is empty. What waits for
// room is handed to it by Fill. It fails when all names are taken that this node may serve.
func (n *Names) Attach(m Member, name string) (Resumed, error) {
	a := n.newAccount(name)
	if name != "" {
		if err := n.pay(a, name, n.clusters[name].first()); err != nil {
			return Resumed{}, err
		}
	}
	n.accounts[m] = a
	if name == "" {
		return Resumed{}, nil
	}
	c := n.cluster(name)
	c.members = append(c.members, m)
	n.registerCluster(c)
	resumed := Resumed{Waiters: c.wake()}
	if !c.crowded { // or they are handed over by Fill
		resumed.Requests = n.take(c, c.held.Len())
	}
	resumed.Requests = append(resumed.Requests, n.takeParts(c, c.parts)...)
	return resumed, nil
}

// Leave takes a member out of its cluster. To say it twice is fine.
func (n *Names) Leave(m Member) (resumed Resumed) {
	a := n.accounts[m]
	if a == nil || a.cluster == "" {
		return Resumed{}
	}
	if c := n.clusters[a.cluster]; c != nil {
		first := c.first()
		c.members = without(c.members, m)
		n.inherit(c.name, first, c.first())
		n.registerCluster(c)
		resumed.Requests = n.takeImpatient(c)
		n.tidy(c)
	}
	return resumed
}

// Detach forgets a member, its subscriptions and what it has waiting.
func (n *Names) Detach(m Member) (resumed Resumed) {
	resumed = n.Leave(m)
	a := n.accounts[m]
	if a == nil {
		return resumed
	}
	for name := range a.topics {
		n.unsubscribe(m, a, name)
	}
	for _, r := range a.held {
		n.unhold(r)
		n.tidy(r.cluster)
	}
	delete(n.accounts, m)
	return resumed
}

// Drain lets nobody wait any more, and returns who did. What is asked from then on does not
// wait either.
func (n *Names) Drain() (resumed Resumed) {
	n.draining = true
	for _, c := range n.clusters {
		resumed.Add(Resumed{Requests: n.take(c, c.held.Len()), Waiters: c.wake()})
		resumed.Requests = append(resumed.Requests, n.takeParts(c, c.parts)...)
		n.tidy(c)
	}
	return resumed
}

// Dirty reports whether Changes has something to return.
func (n *Names) Dirty() bool { return len(n.touched) > 0 }

// maxChanges is of how many names Changes tells at once, so that others wait little for the names.
const maxChanges = 1 << 10

// Changes returns what the directory has to be told of what has changed since the last
// call, of up to 1,024 names: while the names are Dirty, there are more.
func (n *Names) Changes() []directory.Event {
	if len(n.touched) == 0 {
		return nil
	}
	many := len(n.touched) > maxChanges
	n.large = n.large || many
	events := make([]directory.Event, 0, 2*min(len(n.touched), maxChanges))
	for name := range n.touched {
		if len(events) == 2*maxChanges {
			break
		}
		delete(n.touched, name)
		if _, registered := n.registered[name]; registered {
			events = append(events, directory.Register{Name: name})
		} else {
			events = append(events, directory.Unregister{Name: name})
		}
		if n.places[name] != nil {
			events = append(events, directory.Watch{Name: name})
		} else {
			events = append(events, directory.Unwatch{Name: name})
		}
	}
	if n.large && !many { // to go through it costs what it did when it was full
		n.touched, n.large = make(map[Name]struct{}), false
	}
	return events
}

// register notes whether members of this node serve a name.
func (n *Names) register(name Name, serves bool) {
	if _, registered := n.registered[name]; registered == serves {
		return
	}
	if serves {
		n.registered[name] = struct{}{}
	} else {
		delete(n.registered, name)
	}
	n.touched[name] = struct{}{}
}

// Stats is how much there is, and what was refused.
type Stats struct {
	Clusters, Topics, Places int
	Registered               int    // clusters and topics
	Held, HeldBytes          int    // requests that wait
	Waiting                  int    // tunnels that do
	UnderWay                 int64  // requests and tunnels that other nodes are thought to have
	PlacesFull               uint64 // names that were not looked up, as too many are
	Delivered                Delivered
	ServedFull               uint64 // names that were not served or subscribed to, as too many are
}

// Stats counts.
func (n *Names) Stats() Stats {
	s := Stats{
		Clusters: len(n.clusters), Topics: len(n.topics), Places: len(n.places),
		Registered: len(n.registered), PlacesFull: n.placesFull, Delivered: n.delivered,
	}
	if n.served != nil {
		s.ServedFull = n.served.Stats().Refused
	}
	for _, a := range n.accounts {
		s.Held += len(a.held)
		s.HeldBytes += a.heldBytes
	}
	for _, c := range n.clusters {
		s.Waiting += len(c.waiting)
	}
	for _, p := range n.places {
		for _, g := range p.cost {
			s.UnderWay += g.UnderWay()
		}
	}
	return s
}
