package overlay

import (
	"context"
	"time"

	"github.com/project-iris/iris/overlay/multicast"
	"github.com/project-iris/iris/overlay/wire"
)

// knowTimeout is how long the first message to a name waits until it is known where
// the name is served. After that it goes where it is known to be.
const knowTimeout = time.Second

// Broadcast delivers a message to every member of a cluster, the sender included if it
// is one: once to each node that has some. It waits for room on the way to other nodes.
// The message is borrowed.
func (m *Member) Broadcast(cluster, message []byte) {
	if to := m.overlay.routeToCluster(cluster); to != nil {
		m.sender.Send(to, wire.KindBroadcast, cluster, message)
	}
	m.overlay.deliverBroadcast(cluster, message)
}

// deliverBroadcast delivers a broadcast to the members of this node.
func (o *Overlay) deliverBroadcast(cluster, message []byte) {
	o.mu.Lock()
	var members []*Member
	if c := o.clusters[string(cluster)]; c != nil {
		members = c.members
	}
	o.mu.Unlock()
	for _, to := range members {
		to.handler.HandleBroadcast(message)
	}
}

// Publish delivers an event to every subscriber of a topic, the sender included if it
// is one: once to each node that has some. It waits for room on the way to other nodes.
// Topic and event are borrowed.
func (m *Member) Publish(topic, event []byte) {
	if to := m.overlay.routeToTopic(topic); to != nil {
		m.sender.Send(to, wire.KindEvent, topic, event)
	}
	m.overlay.deliverEvent(topic, event)
}

// deliverEvent delivers an event to the subscribers of this node.
func (o *Overlay) deliverEvent(topic, event []byte) {
	o.mu.Lock()
	var subscribers []*Member
	if t := o.topics[string(topic)]; t != nil {
		subscribers = t.members
	}
	o.mu.Unlock()
	for _, to := range subscribers {
		to.handler.HandleEvent(topic, event)
	}
}

// routeToCluster returns the route to other nodes that have members of a cluster, nil if
// this node is alone or looks up too many names.
func (o *Overlay) routeToCluster(name []byte) *multicast.Route {
	if o.net == nil {
		return nil
	}
	o.mu.Lock()
	c := o.clusters[string(name)]
	if c == nil || c.away == nil {
		c = o.cluster(string(name))
		o.lookUp(c)
		o.tidy(c)
	}
	return o.await(c.away)
}

// routeToTopic returns the route to other nodes that have subscribers of a topic, as
// routeToCluster does.
func (o *Overlay) routeToTopic(name []byte) *multicast.Route {
	if o.net == nil {
		return nil
	}
	o.mu.Lock()
	t := o.topics[string(name)]
	if t == nil || t.away == nil {
		t = o.topic(string(name))
		if t.away == nil {
			t.away = o.newPlace(o.net.hasher.Topic(name), len(name), t)
		}
		o.tidyTopic(t)
	}
	return o.await(t.away)
}

// await returns the route to the nodes of a place, after these have become known or
// knowTimeout has passed. Overlay.mu is held, and released.
func (o *Overlay) await(p *place) *multicast.Route {
	defer o.mu.Unlock()
	if p == nil {
		return nil
	}
	p.used = true
	if !p.known {
		o.wait(p.ready)
	}
	if p.route == nil {
		p.route = o.net.multicast.Route(p.nodes)
	}
	return p.route
}

// wait waits for a channel to be closed, for knowTimeout at most. Overlay.mu is held, and
// released meanwhile.
func (o *Overlay) wait(done <-chan struct{}) {
	select {
	case <-done:
		return
	default:
	}
	o.mu.Unlock()
	defer o.mu.Lock()
	ctx, cancel := context.WithTimeout(o.net.ctx, knowTimeout)
	defer cancel()
	select {
	case <-done:
	case <-ctx.Done():
	}
}
