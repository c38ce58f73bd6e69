package overlay

import (
	"github.com/project-iris/iris/overlay/multicast"
	"github.com/project-iris/iris/overlay/wire"
)

// Broadcast delivers a message to every member of a cluster, the sender included if it
// is one: once to each node that has some. It waits for room on the way to other nodes.
// The message is borrowed.
func (m *Member) Broadcast(cluster, message []byte) {
	if to := m.overlay.lookup.RouteToMembers(m.overlay.ctx, cluster); to != nil {
		m.sender.Send(to.(*multicast.Route), wire.KindBroadcast, cluster, message)
	}
	m.overlay.deliverBroadcast(cluster, message)
}

// deliverBroadcast delivers a broadcast to the members of this node.
func (o *Overlay) deliverBroadcast(cluster, message []byte) {
	for _, to := range o.lookup.MembersHere(cluster) {
		to.(local).handler.HandleBroadcast(message)
	}
}

// Publish delivers an event to every subscriber of a topic, the sender included if it
// is one: once to each node that has some. It waits for room on the way to other nodes.
// Topic and event are borrowed.
func (m *Member) Publish(topic, event []byte) {
	if to := m.overlay.lookup.RouteToSubscribers(m.overlay.ctx, topic); to != nil {
		m.sender.Send(to.(*multicast.Route), wire.KindEvent, topic, event)
	}
	m.overlay.deliverEvent(topic, event)
}

// deliverEvent delivers an event to the subscribers of this node.
func (o *Overlay) deliverEvent(topic, event []byte) {
	for _, to := range o.lookup.SubscribersHere(topic) {
		to.(local).handler.HandleEvent(topic, event)
	}
}

// Subscribe asks for the events of a topic. To be subscribed already is fine. It
// fails with [ErrTooManyTopics] or [ErrClosed].
func (m *Member) Subscribe(topic []byte) error {
	if m.closed.Load() {
		return ErrClosed
	}
	return m.overlay.lookup.Subscribe(local{m}, topic)
}

// Unsubscribe ends a subscription. Not to be subscribed is fine.
func (m *Member) Unsubscribe(topic []byte) { m.overlay.lookup.Unsubscribe(local{m}, topic) }
