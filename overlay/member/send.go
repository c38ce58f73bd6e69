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
	finish(m.StartBroadcast(cluster, message, false), cluster, message)
}

// StartBroadcast is Broadcast, but waits neither for links nor to know which nodes have members:
// where it would have to, it returns what is left to do, which does wait, and has to be called
// once, with the same cluster and message, before that of another broadcast or event of the member.
// To be behind says that there is one whose rest was not called yet: then it sends to no other node.
// Members of this node get the message before it returns.
func (m *Member) StartBroadcast(cluster, message []byte, behind bool) (rest func(cluster, message []byte)) {
	m.members.counters.broadcasts.Add(1)
	return m.send(wire.KindBroadcast, cluster, message, behind)
}

// Publish delivers an event to every subscriber of a topic, the sender included if it
// is one: once to each node that has some. It waits for room on the way to other nodes, and for
// links to them. Topic and event are borrowed.
func (m *Member) Publish(topic, event []byte) {
	finish(m.StartPublish(topic, event, false), topic, event)
}

// StartPublish is to Publish what StartBroadcast is to Broadcast.
func (m *Member) StartPublish(topic, event []byte, behind bool) (rest func(topic, event []byte)) {
	m.members.counters.published.Add(1)
	return m.send(wire.KindEvent, topic, event, behind)
}

// send sends a message, and returns what is left to do of that.
func (m *Member) send(kind wire.Kind, name, message []byte, behind bool) (rest func(name, message []byte)) {
	known := false
	if !behind {
		var to names.Route
		var limit error
		if to, known, limit = m.members.lookup.TryRoute(local{m}, kind, name); known {
			rest = m.start(to, limit, kind, name, message)
		}
	}
	m.members.Deliver(kind, name, message)
	if !known {
		return m.whenKnown(kind)
	}
	return rest
}

// whenKnown returns what sends a message to other nodes when it is known to which.
func (m *Member) whenKnown(kind wire.Kind) func(name, message []byte) {
	return func(name, message []byte) {
		to, limit := m.members.lookup.Route(m.members.ctx, local{m}, kind, name)
		finish(m.start(to, limit, kind, name, message), name, message)
	}
}

// finish does what is left of a message, if anything is.
func finish(rest func(name, message []byte), name, message []byte) {
	if rest != nil {
		rest(name, message)
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
	to := ms.recipients(kind, name)
	shared := share(len(to), len(message))
	defer shared.Close()
	for _, to := range to {
		to.(local).deliver(kind, name, message, shared)
	}
}

// recipients returns who at this node is given a kind of message. One that is not known goes to nobody.
func (ms *Members) recipients(kind wire.Kind, name []byte) []names.Member {
	switch kind {
	case wire.KindEvent:
		return ms.lookup.SubscribersHere(name)
	case wire.KindBroadcast:
		return ms.lookup.MembersHere(name)
	}
	return nil
}

// deliver hands a message to a member, to hold it together with others unless shared is nil.
func (l local) deliver(kind wire.Kind, name, message []byte, shared *outbox.Shared) {
	var sharing SharingHandler
	if shared != nil {
		sharing, _ = l.handler.(SharingHandler)
	}
	switch event := kind == wire.KindEvent; {
	case event && sharing != nil:
		sharing.HandleSharedEvent(name, message, shared)
	case event:
		l.handler.HandleEvent(name, message)
	case sharing != nil:
		sharing.HandleSharedBroadcast(message, shared)
	default:
		l.handler.HandleBroadcast(message)
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
