package multicast

import (
	"sync"

	"github.com/project-iris/iris/overlay/wire"
)

// Sender sends the messages of one application, in order.
type Sender struct {
	multicast *Multicast
	id        uint64

	mu    sync.Mutex // keeps the order of messages that are forwarded
	order uint64     // of the latest of them
}

// Sender returns a sender. Its id is its own among those of this node, and chooses its lane.
func (m *Multicast) Sender(id uint64) *Sender { return &Sender{multicast: m, id: id} }

// Send sends a message to the nodes of a route, and waits for room in the lane to each. Name
// and message are borrowed. What cannot be sent is counted.
func (s *Sender) Send(r *Route, kind wire.Kind, name, message []byte) {
	w := r.use()
	if w == nil {
		return
	}
	defer w.users.Done()
	switch {
	case !w.direct:
		s.forward(w.tree, kind, name, message)
	case kind == wire.KindEvent:
		s.event(w.tree, &wire.Event{Topic: name, Event: message})
	default:
		s.broadcast(w.tree, &wire.Broadcast{Cluster: name, Message: message})
	}
}

func (s *Sender) event(to Tree, m *wire.Event) {
	for i := range to {
		if l, b := s.room(to, i, m.Size()); l != nil {
			l.Commit(m.Append(b))
		} else {
			s.multicast.sendsFailed.Add(1)
		}
	}
}

func (s *Sender) broadcast(to Tree, m *wire.Broadcast) {
	for i := range to {
		if l, b := s.room(to, i, m.Size()); l != nil {
			l.Commit(m.Append(b))
		} else {
			s.multicast.sendsFailed.Add(1)
		}
	}
}

// forward sends a message that some nodes forward to others.
func (s *Sender) forward(to Tree, kind wire.Kind, name, message []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.order++
	for i := range to {
		m := wire.Forward{Kind: kind, Sender: s.id, Order: s.order, Name: name, Nodes: to[i].Leaves, Message: message}
		if l, b := s.room(to, i, m.Size()); l != nil {
			l.Commit(m.Append(b))
		} else {
			s.multicast.sendsFailed.Add(1 + uint64(len(m.Nodes)))
		}
	}
}

// room locks the sender's lane to a node of a tree for a message of a size, and waits for
// room, and for a link if there is none: one is asked for to all nodes of the tree then. The
// lane is nil if there is none.
func (s *Sender) room(to Tree, i, size int) (Lane, []byte) {
	id := to[i].Node
	link, ok := s.multicast.host.Link(id)
	for range 2 { // a link may end in good order meanwhile
		if !ok {
			link, ok = s.await(to[i:])
		}
		if !ok {
			s.multicast.LinkLost(id) // for those that were to have it from there
			return nil, nil
		}
		l := link.Lane(s.id)
		b, err := l.Begin(size, Patience)
		if err == nil {
			return l, b
		}
		if !link.Ended() {
			return nil, nil
		}
		ok = false
	}
	return nil, nil
}

// await waits for a link to the first node of a tree.
func (s *Sender) await(to Tree) (Link, bool) {
	for _, b := range to {
		s.multicast.host.Want(b.Node)
	}
	return s.multicast.host.Await(s.multicast.ctx, to[0].Node)
}
