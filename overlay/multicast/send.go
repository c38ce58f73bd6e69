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

// Rest is what is left to do of a message. It waits for links, and has to be called once, before
// its sender sends more. Name and message are those of the message, and borrowed.
type Rest func(name, message []byte)

// Send sends a message to the nodes of a route, and waits for room in the lane to each. It waits
// neither for a link nor for what was sent by an old branch of the route: where it would have to,
// it returns what is left to do, and else nil. Name and message are borrowed. What cannot be sent
// is counted.
func (s *Sender) Send(r *Route, kind wire.Kind, name, message []byte) Rest {
	w, ok := r.use(false)
	switch {
	case !ok:
		return s.whole(r, kind)
	case w == nil:
		return nil
	}
	p := part{snapshot: w}
	if s.send(&p, kind, name, message, false) {
		return nil
	}
	return s.rest(p, kind)
}

// whole is the rest of a message of which nothing was sent.
func (s *Sender) whole(r *Route, kind wire.Kind) Rest {
	return func(name, message []byte) {
		if w, _ := r.use(true); w != nil {
			s.send(&part{snapshot: w}, kind, name, message, true)
		}
	}
}

// rest is the rest of a message of which a part is left.
func (s *Sender) rest(p part, kind wire.Kind) Rest {
	return func(name, message []byte) { s.send(&p, kind, name, message, true) }
}

// part is what is left to send of a message.
type part struct {
	snapshot *snapshot
	next     int    // the first branch of its tree that does not have the message yet
	order    uint64 // of a message that is forwarded; zero: it has none yet
}

// send sends what is left of a message, and reports whether it is done with it. If it is not to
// wait for a link it is not done where there is none.
func (s *Sender) send(p *part, kind wire.Kind, name, message []byte, wait bool) (done bool) {
	w := p.snapshot
	switch {
	case !w.direct:
		s.forward(p, kind, name, message, wait)
	case kind == wire.KindEvent:
		s.event(p, &wire.Event{Topic: name, Event: message}, wait)
	default:
		s.broadcast(p, &wire.Broadcast{Cluster: name, Message: message}, wait)
	}
	if p.next < len(w.tree) {
		return false
	}
	w.users.Done()
	return true
}

func (s *Sender) event(p *part, m *wire.Event, wait bool) {
	for ; p.next < len(p.snapshot.tree); p.next++ {
		l, b, ok := s.room(p, m.Size(), wait)
		switch {
		case !ok:
			return
		case l == nil:
			s.multicast.sendsFailed.Add(1)
		default:
			l.Commit(m.Append(b))
		}
	}
}

func (s *Sender) broadcast(p *part, m *wire.Broadcast, wait bool) {
	for ; p.next < len(p.snapshot.tree); p.next++ {
		l, b, ok := s.room(p, m.Size(), wait)
		switch {
		case !ok:
			return
		case l == nil:
			s.multicast.sendsFailed.Add(1)
		default:
			l.Commit(m.Append(b))
		}
	}
}

// forward sends a message that some nodes forward to others.
func (s *Sender) forward(p *part, kind wire.Kind, name, message []byte, wait bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if p.order == 0 {
		s.order++
		p.order = s.order
	}
	for ; p.next < len(p.snapshot.tree); p.next++ {
		m := wire.Forward{Kind: kind, Sender: s.id, Order: p.order, Name: name, Nodes: p.snapshot.tree[p.next].Leaves, Message: message}
		l, b, ok := s.room(p, m.Size(), wait)
		switch {
		case !ok:
			return
		case l == nil:
			s.multicast.sendsFailed.Add(1 + uint64(len(m.Nodes)))
		default:
			l.Commit(m.Append(b))
		}
	}
}

// room locks the sender's lane to the next node for a message of a size, and waits for room, and
// for a link if there is none and it is to wait for that; else it is not ok. One is asked for to all
// nodes that do not have the message yet then. The lane is nil if there is none.
func (s *Sender) room(p *part, size int, wait bool) (lane Lane, b []byte, ok bool) {
	to := p.snapshot.tree[p.next:]
	id := to[0].Node
	link, linked := s.multicast.host.Link(id)
	for range 2 { // a link may end in good order meanwhile
		if !linked {
			s.want(to)
			if !wait {
				return nil, nil, false
			}
			link, linked = s.multicast.host.Await(s.multicast.ctx, id)
		}
		if !linked {
			s.multicast.LinkLost(id) // for those that were to have it from there
			return nil, nil, true
		}
		l := link.Lane(s.id)
		b, err := l.Begin(size, Patience)
		if err == nil {
			return l, b, true
		}
		if !link.Ended() {
			return nil, nil, true
		}
		linked = false
	}
	return nil, nil, true
}

// want asks for links to the nodes of a tree.
func (s *Sender) want(to Tree) {
	for _, b := range to {
		s.multicast.host.Want(b.Node)
	}
}
