package directory

import (
	"slices"
	"time"

	"github.com/project-iris/iris/transport"
)

// record is what this node knows about a name: as one that has members of it or
// sends to it, and as one that may own it.
type record struct {
	name Name

	// As a node that has members of it or sends to it.
	registered bool
	watched    bool
	owners     []owner // empty while everybody knows everything; first those that are, then those that were
	nodes      []transport.PeerID
	known      bool

	// As a possible owner. This node is among the registrants if it is registered.
	registrants peers
	watchers    peers
}

// local reports whether this node has members of the name or sends to it.
func (rec *record) local() bool { return rec.registered || rec.watched }

// idle reports whether nobody has to do with the name.
func (rec *record) idle() bool {
	return !rec.local() && len(rec.registrants) == 0 && len(rec.watchers) == 0
}

// owner is a node that owns a name, or did.
type owner struct {
	id    transport.PeerID
	peer  *peer     // nil for this node
	told  bool      // what this node registers and watches
	until time.Time // zero for one that is an owner; else when it is to be forgotten
	since time.Time // when it first said all that it knows; zero if it has not
	mark  uint32    // peer.in.mark when it last began to say so
	// settled is that it was able to hear of all by now, see Config.Linger.
	settled bool
	claims  []claim // by node, then epoch
}

// claim is that an owner names a node as one that has members.
type claim struct {
	node  transport.PeerID
	epoch uint64
}

// former reports whether the node is an owner no longer.
func (o *owner) former() bool { return !o.until.IsZero() }

// owner returns the owner with an id, nil if it is none and was none lately.
func (rec *record) owner(id transport.PeerID) *owner {
	for i := range rec.owners {
		if rec.owners[i].id == id {
			return &rec.owners[i]
		}
	}
	return nil
}

// find returns the place of a node's first claim, or where it would be.
func (o *owner) find(node transport.PeerID, epoch uint64) (int, bool) {
	return slices.BinarySearchFunc(o.claims, claim{node: node, epoch: epoch}, func(a, b claim) int {
		if order := compareNodes(a.node, b.node); order != 0 {
			return order
		}
		switch {
		case a.epoch < b.epoch:
			return -1
		case a.epoch > b.epoch:
			return 1
		}
		return 0
	})
}

// has reports whether the owner names the node, in whatever epoch.
func (o *owner) has(node transport.PeerID) bool {
	i, _ := o.find(node, 0)
	return i < len(o.claims) && o.claims[i].node == node
}

// peers is a set of peers, by their ids.
type peers []*peer

func (s peers) find(id transport.PeerID) (int, bool) {
	return slices.BinarySearchFunc(s, id, func(p *peer, id transport.PeerID) int { return compareNodes(p.id, id) })
}

func (s peers) has(id transport.PeerID) bool {
	_, found := s.find(id)
	return found
}

func (s *peers) add(p *peer) {
	if i, found := s.find(p.id); !found {
		*s = slices.Insert(*s, i, p)
	}
}

func (s *peers) remove(p *peer) {
	i, found := s.find(p.id)
	if !found {
		return
	}
	*s = slices.Delete(*s, i, i+1)
	if len(*s) == 0 {
		*s = nil
	}
}
