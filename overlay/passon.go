package overlay

import (
	"hash/maphash"
	"time"

	"github.com/project-iris/iris/overlay/fanout"
	"github.com/project-iris/iris/overlay/wire"
)

// copyPatience is how long a node waits for room on the way to one that it passes
// messages on to, before it drops what does not fit. It is short: what it has to pass on
// waits behind it.
const copyPatience = 100 * time.Millisecond

// spread sends a message of a member to the nodes of a place, and waits for room.
func (m *Member) spread(w *ways, kind wire.Kind, name, message []byte) {
	defer w.users.Done()
	switch {
	case !w.plain:
		m.sendByOthers(w.tree, kind, name, message)
	case kind == wire.KindEvent:
		m.sendEvent(w.tree, &wire.Event{Topic: name, Event: message})
	default:
		m.sendBroadcast(w.tree, &wire.Broadcast{Cluster: name, Message: message})
	}
}

func (m *Member) sendEvent(to fanout.Tree, e *wire.Event) {
	for i := range to {
		l, b := m.overlay.links.get(to[i].Node).room(m, e.Size())
		if l == nil {
			m.overlay.counters.sendsFailed.Add(1)
			continue
		}
		l.commit(e.Append(b))
	}
}

func (m *Member) sendBroadcast(to fanout.Tree, e *wire.Broadcast) {
	for i := range to {
		l, b := m.overlay.links.get(to[i].Node).room(m, e.Size())
		if l == nil {
			m.overlay.counters.sendsFailed.Add(1)
			continue
		}
		l.commit(e.Append(b))
	}
}

// sendByOthers sends a message that some nodes pass on to others.
func (m *Member) sendByOthers(to fanout.Tree, kind wire.Kind, name, message []byte) {
	m.spreading.Lock()
	defer m.spreading.Unlock()
	m.order++
	for i := range to {
		s := wire.Spread{Kind: kind, Sender: m.shard, Order: m.order, Name: name, Nodes: to[i].Leaves, Message: message}
		l, b := m.overlay.links.get(to[i].Node).room(m, s.Size())
		if l == nil {
			m.overlay.counters.sendsFailed.Add(1 + uint64(len(s.Nodes)))
			continue
		}
		l.commit(s.Append(b))
	}
}

// passOn delivers a message here, and passes it on to other nodes.
//
// They get it through a lane of its own. Whoever reads that one waits for no lane
// himself, so that nodes that pass on to each other do not wait for each other for ever.
func (r *remote) passOn(m *wire.Spread) {
	o := r.overlay
	c := wire.Copy{Kind: m.Kind, Origin: r.id, Sender: m.Sender, Order: m.Order, Name: m.Name, Message: m.Message}
	for _, id := range m.Nodes {
		to := o.links.get(id)
		if to == nil {
			o.counters.copiesDropped.Add(1)
			continue
		}
		l := to.copyLane()
		b, err := l.begin(c.Size(), copyPatience)
		if err != nil {
			o.counters.copiesDropped.Add(1)
			continue
		}
		l.commit(c.Append(b))
	}
	if m.Kind != wire.KindFence { // which is for the others
		o.deliver(&c)
	}
}

// copied delivers what another node has passed on.
func (r *remote) copied(m *wire.Copy) {
	o := r.overlay
	if m.Kind != wire.KindFence {
		o.deliver(m)
		return
	}
	origin := o.links.get(m.Origin)
	if origin == nil {
		return
	}
	answer := wire.Passed{Token: m.Order}
	l := origin.lane(m.Order)
	if b, err := l.beginOver(answer.Size()); err == nil {
		l.commit(answer.Append(b))
	}
}

// A sum of the name is enough for the filter, which forgets it soon.
var nameSeed = maphash.MakeSeed()

// deliver delivers a message here unless it comes late.
func (o *Overlay) deliver(m *wire.Copy) {
	key := fanout.Key{Origin: m.Origin, Sender: m.Sender, Kind: m.Kind, Name: maphash.Bytes(nameSeed, m.Name)}
	turn := o.filter.Begin(key, m.Order)
	if turn == nil {
		o.counters.copiesLate.Add(1)
		return
	}
	defer turn.End()
	switch m.Kind {
	case wire.KindEvent:
		o.deliverEvent(m.Name, m.Message)
	case wire.KindBroadcast:
		o.deliverBroadcast(m.Name, m.Message)
	}
}
