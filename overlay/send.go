package overlay

import (
	"time"

	"github.com/project-iris/iris/overlay/wire"
)

// knowTimeout is how long the first message to a name waits until it is known where
// the name is served. After that it goes where it is known to be.
const knowTimeout = time.Second

// Broadcast delivers a message to every member of a cluster, the sender included if it
// is one: once to each node that has some. It waits for room on the way to other nodes.
// The message is borrowed.
func (m *Member) Broadcast(cluster, message []byte) {
	if to := m.overlay.routeToMembers(cluster); to != nil {
		m.sender.Send(to, wire.KindBroadcast, cluster, message)
	}
	m.overlay.deliverBroadcast(cluster, message)
}

// deliverBroadcast delivers a broadcast to the members of this node.
func (o *Overlay) deliverBroadcast(cluster, message []byte) {
	for _, to := range o.membersOf(cluster) {
		to.(local).handler.HandleBroadcast(message)
	}
}

// Publish delivers an event to every subscriber of a topic, the sender included if it
// is one: once to each node that has some. It waits for room on the way to other nodes.
// Topic and event are borrowed.
func (m *Member) Publish(topic, event []byte) {
	if to := m.overlay.routeToSubscribers(topic); to != nil {
		m.sender.Send(to, wire.KindEvent, topic, event)
	}
	m.overlay.deliverEvent(topic, event)
}

// deliverEvent delivers an event to the subscribers of this node.
func (o *Overlay) deliverEvent(topic, event []byte) {
	for _, to := range o.subscribersOf(topic) {
		to.(local).handler.HandleEvent(topic, event)
	}
}

// Subscribe asks for the events of a topic. To be subscribed already is fine. It
// fails with [ErrTooManyTopics] or [ErrClosed].
func (m *Member) Subscribe(topic []byte) error {
	o := m.overlay
	o.mu.Lock()
	defer o.unlock()
	if m.closed.Load() {
		return ErrClosed
	}
	return o.names.Subscribe(local{m}, string(topic))
}

// Unsubscribe ends a subscription. Not to be subscribed is fine.
func (m *Member) Unsubscribe(topic []byte) {
	o := m.overlay
	o.mu.Lock()
	defer o.unlock()
	o.names.Unsubscribe(local{m}, string(topic))
}
