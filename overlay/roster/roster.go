// Package roster is the one list of the other nodes of a network: who is a member, where,
// how it was found, and where it sees this node. Membership fills it; the links, discovery
// and the directory read it.
//
// Members are hearsay until there was a link to them, and any of them can make more of them
// up, with any address. None is dialled for that: links are made when they are needed.
package roster

import (
	"net/netip"
	"sync"
	"time"

	"github.com/project-iris/iris/overlay/directory"
	"github.com/project-iris/iris/transport"
)

// How a node was found, where nobody has said it by [Roster.Found].
const (
	ByJoin    = "join"    // it is a seed of this node
	ByMembers = "members" // another member told of it
	ByItself  = "itself"  // it has dialled this node
)

// Links can be made to members.
type Links interface {
	// Meet notes at which addresses a node is. Forget forgets them; a link that is up stays.
	Meet(id transport.PeerID, addr string)
	Forget(id transport.PeerID)
	// Linked reports whether there is a link.
	Linked(id transport.PeerID) bool
}

// Node is another node of the network.
type Node struct {
	ID    transport.PeerID
	Addr  string    // where it accepts links, as it says itself
	Found string    // how it was found: what [Roster.Found] was given, or one of the above
	Since time.Time // when it became a member, as far as this node knows
}

// maxFinds is how many nodes can have been found and not become members yet; of more,
// any one is forgotten.
const maxFinds = 256

// Roster is the list of the other members of a network. Its methods are safe for concurrent
// use. It may be locked while Links are.
type Roster struct {
	links Links

	mu      sync.Mutex
	all     map[transport.PeerID]*entry
	members *directory.Members              // the same, and this node, with their epochs
	finds   map[transport.PeerID]string     // how nodes were found that are no members yet
	seen    map[transport.PeerID]netip.Addr // what nodes see this one as
	changed chan struct{}                   // closed and replaced when all has changed
}

// entry is a member.
type entry struct {
	addr, how string
	since     time.Time
	sought    bool // this node has looked for it
}

// New returns a roster without other members. Self is this node.
func New(self directory.Member, links Links) *Roster {
	return &Roster{
		links:   links,
		members: directory.NewMembers(self),
		all:     make(map[transport.PeerID]*entry),
		finds:   make(map[transport.PeerID]string),
		seen:    make(map[transport.PeerID]netip.Addr),
		changed: make(chan struct{}),
	}
}

// Up notes a member, or its new address. The epoch is that of its
// process. It reports how it was found, and whether it is new.
func (r *Roster) Up(id transport.PeerID, addr string, epoch uint64) (how string, news bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	e := r.all[id]
	if e == nil {
		e, news = r.enter(id), true
	}
	e.addr = addr
	r.members = r.members.With(id, epoch)
	r.links.Meet(id, addr)
	return e.how, news
}

// enter notes a new member. The lock is held.
func (r *Roster) enter(id transport.PeerID) *entry {
	e := &entry{how: ByMembers, since: time.Now()}
	if r.links.Linked(id) {
		e.how = ByItself // nodes that this one dials are members before there is a link
	}
	if known, sought := r.finds[id]; sought {
		e.how, e.sought = known, true
		delete(r.finds, id)
	}
	r.all[id] = e
	r.tell()
	return e
}

// Down notes that a node is no member any more.
func (r *Roster) Down(id transport.PeerID) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.all[id] != nil {
		delete(r.all, id)
		r.members = r.members.Without(id)
		delete(r.seen, id)
		r.links.Forget(id)
		r.tell()
	}
}

// Expect notes how a node was found that is no member yet.
func (r *Roster) Expect(id transport.PeerID, how string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.all[id] == nil {
		r.note(id, how)
	}
}

// Found notes how a node was found by a search that began at a time. It reports whether
// that changes how a member was found: not if it was one before, or was sought already.
func (r *Roster) Found(id transport.PeerID, how string, begin time.Time) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	e := r.all[id]
	if e == nil {
		r.note(id, how)
		return false
	}
	if e.sought || e.since.Before(begin) {
		return false
	}
	e.how, e.sought = how, true
	return true
}

// note keeps how a node was found until it is a member. The lock is held.
func (r *Roster) note(id transport.PeerID, how string) {
	if len(r.finds) >= maxFinds {
		for any := range r.finds {
			delete(r.finds, any)
			break
		}
	}
	r.finds[id] = how
}

// tell wakes who waits for a change. The lock is held.
func (r *Roster) tell() {
	close(r.changed)
	r.changed = make(chan struct{})
}

// Changed returns a channel that is closed when nodes have come or gone since the call.
func (r *Roster) Changed() <-chan struct{} {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.changed
}

// Has reports whether a node is a member.
func (r *Roster) Has(id transport.PeerID) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.all[id] != nil
}

// Addr returns where a member accepts links, empty if it is none.
func (r *Roster) Addr(id transport.PeerID) string {
	r.mu.Lock()
	defer r.mu.Unlock()
	if e := r.all[id]; e != nil {
		return e.addr
	}
	return ""
}

// Len returns how many other members there are.
func (r *Roster) Len() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.all)
}

// List returns all other members, in any order.
func (r *Roster) List() []Node {
	r.mu.Lock()
	defer r.mu.Unlock()
	list := make([]Node, 0, len(r.all))
	for id, e := range r.all {
		list = append(list, Node{ID: id, Addr: e.addr, Found: e.how, Since: e.since})
	}
	return list
}

// Members returns all members, this node included, as the directory wants them.
func (r *Roster) Members() *directory.Members {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.members
}
