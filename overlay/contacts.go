package overlay

import (
	"sync"

	"github.com/project-iris/iris/overlay/peers"
	"github.com/project-iris/iris/transport"
)

// maxStrangers is how many members this node dials to which it never had a link. Members
// are hearsay until then, and any of them can make more of them up, with any address:
// this bounds the dials that it can cause, to one every two seconds or so for each. The
// others wait for their turn, or dial this node themselves.
const maxStrangers = 64

// contacts are the members that this node keeps links to, or would.
type contacts struct {
	peers *peers.Peers

	mu        sync.Mutex
	all       map[transport.PeerID]*contact
	strangers int // contacts that are kept and not met
}

// contact is a member.
type contact struct {
	addr string
	met  bool // there was a link
	kept bool // peers keep one
}

func newContacts(p *peers.Peers) *contacts {
	return &contacts{peers: p, all: make(map[transport.PeerID]*contact)}
}

// up notes that a node is a member and where it is.
func (cs *contacts) up(id transport.PeerID, addr string) {
	cs.mu.Lock()
	defer cs.mu.Unlock()
	c := cs.all[id]
	if c == nil {
		c = &contact{met: cs.peers.Get(id) != nil}
		cs.all[id] = c
	}
	c.addr = addr
	if c.kept || c.met || cs.strangers < maxStrangers {
		cs.keep(id, c)
	}
}

// meet notes that there is a link to a node.
func (cs *contacts) meet(id transport.PeerID) {
	cs.mu.Lock()
	defer cs.mu.Unlock()
	c := cs.all[id]
	if c == nil || c.met {
		return
	}
	if c.kept {
		cs.strangers--
	}
	c.met = true
	cs.keep(id, c)
	cs.invite()
}

// down notes that a node is no member any more.
func (cs *contacts) down(id transport.PeerID) {
	cs.mu.Lock()
	defer cs.mu.Unlock()
	c := cs.all[id]
	if c == nil {
		return
	}
	delete(cs.all, id)
	cs.peers.Drop(id)
	if c.kept && !c.met {
		cs.strangers--
		cs.invite()
	}
}

// keep keeps a link to a node. The lock is held.
func (cs *contacts) keep(id transport.PeerID, c *contact) {
	if !c.kept && !c.met {
		cs.strangers++
	}
	c.kept = true
	cs.peers.Keep(id, c.addr)
}

// invite lets strangers that wait have their turn. The lock is held.
func (cs *contacts) invite() {
	if len(cs.all) <= cs.strangers {
		return
	}
	for id, c := range cs.all {
		if cs.strangers == maxStrangers {
			return
		}
		if !c.kept {
			cs.keep(id, c)
		}
	}
}
