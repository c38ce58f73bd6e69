package directory

import (
	"slices"

	"github.com/project-iris/iris/transport"
)

// remembered is a bounded memory of nodes that are no members. When it is full, the
// oldest is forgotten.
type remembered struct {
	nodes map[transport.PeerID]memory
	order []transport.PeerID
}

// memory is what is remembered of a node.
type memory struct {
	epoch uint64
	heard uint64 // newest sequence that it is known to have sent
	told  uint64 // sequence of the last update to it; zero: there was no stream
}

func (r *remembered) put(id transport.PeerID, m memory) {
	if r.nodes == nil {
		r.nodes = make(map[transport.PeerID]memory)
	}
	if _, found := r.nodes[id]; !found {
		if len(r.order) >= maxRemembered {
			delete(r.nodes, r.order[0])
			r.order = slices.Delete(r.order, 0, 1)
		}
		r.order = append(r.order, id)
	}
	r.nodes[id] = m
}

// take returns what is remembered of a node, and forgets it. It is zero for one that
// is in another epoch now.
func (r *remembered) take(id transport.PeerID, epoch uint64) memory {
	m, found := r.nodes[id]
	if found {
		delete(r.nodes, id)
		r.order = slices.DeleteFunc(r.order, func(other transport.PeerID) bool { return other == id })
	}
	if m.epoch != epoch {
		return memory{}
	}
	return m
}
