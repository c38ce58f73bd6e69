package member

import (
	"github.com/project-iris/iris/overlay/multicast"
	"github.com/project-iris/iris/overlay/names"
	"github.com/project-iris/iris/overlay/wire"
	"github.com/project-iris/iris/transport/outbox"
)

// Broadcast delivers a message to every member of a cluster, the sender included if it
// is one: once to each node that has some. It waits for room on the way to other nodes, and for
// links to them. The message is borrowed.
func (m *Member) Broadcast(cluster, message []byte) {
	if rest := m.StartBroadcast(cluster, message, false); rest != nil {
		rest(cluster, message)
	}
}

// StartBroadcast is Broadcast, but waits neither for links nor to know which nodes have members:
// where it would have to, it returns what is left to do, which does wait, and has to be called
// once, with the same cluster and message, before that of another broadcast or event of the member.
// To be behind says that there is one whose rest was not called yet: then it sends to no other node.
// Members of this node get the message before it returns.
func (m *Member) StartBroadcast(cluster, message []byte, behind bool) (rest func(cluster, message []byte)) {
	m.members.counters.broadcasts.Add(1)
	known := false
	if !behind {
		var to names.Route
		var limit error
		if to, known, limit = m.members.lookup.TryRouteToMembers(local{m}, cluster); known {
			rest = m.start(to, limit, wire.KindBroadcast, cluster, message)
		}
	}
	m.members.DeliverBroadcast(cluster, message)
	if !known {
		return m.awaitBroadcast
	}
	return rest
}

// awaitBroadcast broadcasts to other nodes, when it is known to which.
func (m *Member) awaitBroadcast(cluster, message []byte) {
	to, limit := m.members.lookup.RouteToMembers(m.members.ctx, local{m}, cluster)
	if rest := m.start(to, limit, wire.KindBroadcast, cluster, message); rest != nil {
		rest(cluster, message)
	}
}

// Publish delivers an event to every subscriber of a topic, the sender included if it
// is one: once to each node that has some. It waits for room on the way to other nodes, and for
// links to them. Topic and event are borrowed.
func (m *Member) Publish(topic, event []byte) {
	if rest := m.StartPublish(topic, event, false); rest != nil {
		rest(topic, event)
	}
}

// StartPublish is to Publish what StartBroadcast is to Broadcast.
func (m *Member) StartPublish(topic, event []byte, behind bool) (rest func(topic, event []byte)) {
	m.members.counters.published.Add(1)
	known := false
	if !behind {
		var to names.Route
		var limit error
		if to, known, limit = m.members.lookup.TryRouteToSubscribers(local{m}, topic); known {
			rest = m.start(to, limit, wire.KindEvent, topic, event)
		}
	}
	m.members.DeliverEvent(topic, event)
	if !known {
		return m.awaitPublish
	}
	return rest
}

// awaitPublish publishes to other nodes, when it is known to which.
func (m *Member) awaitPublish(topic, event []byte) {
	to, limit := m.members.lookup.RouteToSubscribers(m.members.ctx, local{m}, topic)
	if rest := m.start(to, limit, wire.KindEvent, topic, event); rest != nil {
		rest(topic, event)
	}
}

// start sends a message by a route, if there is one, and returns what is left of that if it would
// have to wait for a link.
func (m *Member) start(to names.Route, limit error, kind wire.Kind, name, message []byte) (rest func(name, message []byte)) {
	switch {
	case to != nil:
		return m.sender.Send(to.(*multicast.Route), kind, name, message)
	case limit != nil:
		m.handler.HandleLimit(limit)
	}
	return nil
}

// Deliver hands a message to the receivers at this node.
func (ms *Members) Deliver(kind wire.Kind, name, message []byte) {
	switch kind {
	case wire.KindEvent:
		ms.DeliverEvent(name, message)
	case wire.KindBroadcast:
		ms.DeliverBroadcast(name, message)
	}
}

// DeliverBroadcast delivers a broadcast to the members of this node.
func (ms *Members) DeliverBroadcast(cluster, message []byte) {
	to := ms.lookup.MembersHere(cluster)
	shared := share(len(to), len(message))
	defer shared.Close()
	for _, to := range to {
		to := to.(local)
		if h, ok := to.handler.(SharingHandler); ok && shared != nil {
			h.HandleSharedBroadcast(message, shared)
		} else {
			to.handler.HandleBroadcast(message)
		}
	}
}

// DeliverEvent delivers an event to the subscribers of this node.
func (ms *Members) DeliverEvent(topic, event []byte) {
	to := ms.lookup.SubscribersHere(topic)
	shared := share(len(to), len(event))
	defer shared.Close()
	for _, to := range to {
		to := to.(local)
		if h, ok := to.handler.(SharingHandler); ok && shared != nil {
			h.HandleSharedEvent(topic, event, shared)
		} else {
			to.handler.HandleEvent(topic, event)
		}
	}
}

// share returns what a number of receivers hold a message by together, nil where that is not
// worth it.
func share(receivers, size int) *outbox.Shared {
	if receivers < 2 || size < outbox.ShareFrom {
		return nil
	}
	return new(outbox.Shared)
}

// SharingHandler is a [Handler] that can hold a large message, which several members of the node
// are given, together with the others.
type SharingHandler interface {
	Handler
	// HandleSharedBroadcast is HandleBroadcast by a frame that others hold too.
	HandleSharedBroadcast(message []byte, shared *outbox.Shared)
	// HandleSharedEvent is HandleEvent by a frame that others hold too.
	HandleSharedEvent(topic, event []byte, shared *outbox.Shared)
}
