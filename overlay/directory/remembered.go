package directory

import "slices"

// remembered is a bounded memory of nodes that are no members: their epoch and a
// sequence. When it is full, the oldest is forgotten.
type remembered struct {
	nodes map[NodeID]remembrance
	order []NodeID
}

type remembrance struct {
	epoch, sequence uint64
}

func (r *remembered) put(id NodeID, epoch, sequence uint64) {
	if r.nodes == nil {
		r.nodes = make(map[NodeID]remembrance)
	}
	if _, found := r.nodes[id]; !found {
		if len(r.order) >= maxRemembered {
			delete(r.nodes, r.order[0])
			r.order = slices.Delete(r.order, 0, 1)
		}
		r.order = append(r.order, id)
	}
	r.nodes[id] = remembrance{epoch, sequence}
}

func (r *remembered) take(id NodeID) (epoch, sequence uint64, ok bool) {
	v, ok := r.nodes[id]
	if ok {
		delete(r.nodes, id)
		r.order = slices.DeleteFunc(r.order, func(other NodeID) bool { return other == id })
	}
	return v.epoch, v.sequence, ok
}
