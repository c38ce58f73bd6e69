package overlay

import (
	"cmp"
	"context"
	"slices"
	"sync"
	"time"

	"github.com/project-iris/iris/overlay/peers"
	"github.com/project-iris/iris/overlay/wire"
	"github.com/project-iris/iris/transport"
	"github.com/project-iris/iris/transport/choose"
)

// How a node was found, where nobody has said it by [Overlay.Reach].
const (
	FoundByJoin    = "join"    // it is a seed of this node
	FoundByMembers = "members" // another member told of it
	FoundByItself  = "itself"  // it has dialled this node
)

// Node is another node of the network.
type Node struct {
	ID    transport.PeerID
	Addr  string // where it accepts links, as it says itself
	Found string // how it was found: what [Overlay.Reach] was given, or one of FoundBy
	// Link is where the link to it leads, Scheme its transport, and Version that of the
	// protocol which both nodes speak on it. They are empty while there is no link, and
	// Scheme also where the transport does not tell.
	Link    string
	Scheme  string
	Version uint16
}

// Nodes returns the other nodes of the network, in the order of their ids.
func (o *Overlay) Nodes() []Node {
	if o.net == nil {
		return nil
	}
	all := o.net.nodes.list()
	for i := range all {
		if p := o.net.peers.Get(all[i].ID); p != nil {
			all[i].Link = p.Link().RemoteAddr()
			all[i].Scheme = choose.SchemeOf(p.Link())
			all[i].Version = p.Link().Version()
		}
	}
	slices.SortFunc(all, func(a, b Node) int { return cmp.Compare(a.ID.String(), b.ID.String()) })
	return all
}

// Knows reports whether a node is a member of the network, as far as this one knows.
func (o *Overlay) Knows(id transport.PeerID) bool { return o.net != nil && o.net.nodes.has(id) }

// Others returns how many other nodes the network has.
func (o *Overlay) Others() int {
	if o.net == nil {
		return 0
	}
	return o.net.nodes.count()
}

// Changed returns a channel that is closed when nodes have come or gone since the call.
func (o *Overlay) Changed() <-chan struct{} {
	if o.net == nil {
		return nil
	}
	return o.net.nodes.awaiting()
}

// Expect notes how a node was found that is no member yet. It may become one by a link
// that it makes itself.
func (o *Overlay) Expect(id transport.PeerID, how string) {
	if o.net != nil {
		o.net.nodes.expect(id, how)
	}
}

// Reach makes a link to the node at an address, which makes it a member, and notes how
// it was found. A zero id is any node. If there is a link to the node already it goes on,
// and how it was found stays. Reach returns the node that is there, and the errors of
// [peers.Peers.Dial].
func (o *Overlay) Reach(ctx context.Context, addr string, id transport.PeerID, how string) (transport.PeerID, error) {
	if o.net == nil {
		return transport.PeerID{}, peers.ErrClosed
	}
	return o.net.find(ctx, addr, id, how)
}

// find is Reach.
func (n *network) find(ctx context.Context, addr string, id transport.PeerID, how string) (transport.PeerID, error) {
	begin := time.Now()
	p, err := n.peers.Dial(ctx, addr, id)
	if err != nil {
		return transport.PeerID{}, err
	}
	if n.nodes.found(p.ID(), how, begin) {
		n.sayFound(p.ID(), how, p.Link().RemoteAddr())
	}
	return p.ID(), nil
}

func (n *network) sayFound(id transport.PeerID, how, addr string) {
	n.log.Info("node is found", "peer", id.Short(), "how", how, "addr", addr)
}

// Move tells the other nodes that this one is at another address now, in the form of
// [Network.Address]. It waits for half a second at most.
func (o *Overlay) Move(addr string) error {
	if o.net == nil {
		return nil
	}
	return o.net.members.Tell(o.net.info(addr))
}

// info is what this node tells about itself.
func (n *network) info(addr string) []byte {
	info := wire.Info{Epoch: n.epoch, Address: []byte(addr)}
	return info.Append(nil)
}

// maxFinds is how many nodes can have been found and not become members yet; of more,
// any one is forgotten.
const maxFinds = 256

// nodes are the other members: how they were found, and which of them this node keeps
// links to, which contacts.go sees to.
type nodes struct {
	peers *peers.Peers

	mu        sync.Mutex
	all       map[transport.PeerID]*nodeEntry
	strangers int                         // those that are kept and were not met
	finds     map[transport.PeerID]string // how nodes were found that are no members yet
	changed   chan struct{}               // closed and replaced when all has changed
}

// nodeEntry is a member.
type nodeEntry struct {
	addr, how string
	since     time.Time
	sought    bool // this node has looked for it
	met       bool // there was a link
	kept      bool // peers keep one
}

func newNodes(p *peers.Peers) *nodes {
	return &nodes{
		peers:   p,
		all:     make(map[transport.PeerID]*nodeEntry),
		finds:   make(map[transport.PeerID]string),
		changed: make(chan struct{}),
	}
}

// up notes a member, or its new address, and keeps a link to it. It reports how it was
// found, and whether it is new.
func (ns *nodes) up(id transport.PeerID, addr string) (how string, news bool) {
	ns.mu.Lock()
	defer ns.mu.Unlock()
	e := ns.all[id]
	if e == nil {
		e, news = ns.enter(id), true
	}
	e.addr = addr
	ns.contact(id, e)
	return e.how, news
}

// enter notes a new member. The lock is held.
func (ns *nodes) enter(id transport.PeerID) *nodeEntry {
	e := &nodeEntry{how: FoundByMembers, since: time.Now(), met: ns.peers.Get(id) != nil}
	if e.met {
		e.how = FoundByItself // nodes that this one dials are members before there is a link
	}
	if known, sought := ns.finds[id]; sought {
		e.how, e.sought = known, true
		delete(ns.finds, id)
	}
	ns.all[id] = e
	ns.tell()
	return e
}

// down notes that a node is no member any more.
func (ns *nodes) down(id transport.PeerID) {
	ns.mu.Lock()
	defer ns.mu.Unlock()
	if e := ns.all[id]; e != nil {
		delete(ns.all, id)
		ns.part(id, e)
		ns.tell()
	}
}

// expect notes how a node was found that is no member yet.
func (ns *nodes) expect(id transport.PeerID, how string) {
	ns.mu.Lock()
	defer ns.mu.Unlock()
	if ns.all[id] == nil {
		ns.note(id, how)
	}
}

// found notes how a node was found by a search that began at a time. It reports whether
// that changes how a member was found: not if it was one before, or was sought already.
func (ns *nodes) found(id transport.PeerID, how string, begin time.Time) bool {
	ns.mu.Lock()
	defer ns.mu.Unlock()
	e := ns.all[id]
	if e == nil {
		ns.note(id, how)
		return false
	}
	if e.sought || e.since.Before(begin) {
		return false
	}
	e.how, e.sought = how, true
	return true
}

// note keeps how a node was found until it is a member. The lock is held.
func (ns *nodes) note(id transport.PeerID, how string) {
	if len(ns.finds) >= maxFinds {
		for any := range ns.finds {
			delete(ns.finds, any)
			break
		}
	}
	ns.finds[id] = how
}

// tell wakes who waits for a change. The lock is held.
func (ns *nodes) tell() {
	close(ns.changed)
	ns.changed = make(chan struct{})
}

func (ns *nodes) awaiting() <-chan struct{} {
	ns.mu.Lock()
	defer ns.mu.Unlock()
	return ns.changed
}

func (ns *nodes) has(id transport.PeerID) bool {
	ns.mu.Lock()
	defer ns.mu.Unlock()
	return ns.all[id] != nil
}

func (ns *nodes) count() int {
	ns.mu.Lock()
	defer ns.mu.Unlock()
	return len(ns.all)
}

func (ns *nodes) list() []Node {
	ns.mu.Lock()
	defer ns.mu.Unlock()
	list := make([]Node, 0, len(ns.all))
	for id, e := range ns.all {
		list = append(list, Node{ID: id, Addr: e.addr, Found: e.how})
	}
	return list
}
