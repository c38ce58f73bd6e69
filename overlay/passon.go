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
	if w.plain {
		m.send(w.tree, kind, name, message)
		return
	}
	m.spreading.Lock()
	defer m.spreading.Unlock()
	m.order++
	o := m.overlay
	for i := range w.tree {
		b := &w.tree[i]
		s := wire.Spread{Kind: kind, Sender: m.shard, Order: m.order, Name: name, Nodes: b.Leaves, Message: message}
		if r := o.remote(b.Node); r == nil || !r.send(m, &s) {
			o.counters.sendsFailed.Add(1 + uint64(len(b.Leaves)))
		}
	}
}

// send sends a message to nodes that pass it on to nobody.
func (m *Member) send(nodes fanout.Tree, kind wire.Kind, name, message []byte) {
	o := m.overlay
	for i := range nodes {
		r := o.remote(nodes[i].Node)
		sent := false
		switch {
		case r == nil:
		case kind == wire.KindEvent:
			sent = r.send(m, &wire.Event{Topic: name, Event: message})
		default:
			sent = r.send(m, &wire.Broadcast{Cluster: name, Message: message})
		}
		if !sent {
			o.counters.sendsFailed.Add(1)
		}
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
		to := o.remote(id)
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
	origin := o.remote(m.Origin)
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
