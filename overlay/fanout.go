package overlay

import (
	"context"
	"time"

	"github.com/project-iris/iris/overlay/directory"
	"github.com/project-iris/iris/overlay/wire"
)

// knowTimeout is how long the first message to a name waits until it is known where
// the name is served. After that it goes where it is known to be.
const knowTimeout = time.Second

// Broadcast delivers a message to every member of a cluster, the sender included if it
// is one: once to each node that has some. It waits for room on the way to other nodes.
// The message is borrowed.
func (m *Member) Broadcast(cluster, message []byte) {
	o := m.overlay
	for _, id := range o.whereCluster(cluster) {
		if r := o.remote(id); r != nil {
			r.broadcast(m, &wire.Broadcast{Cluster: cluster, Message: message})
		} else {
			o.counters.sendsFailed.Add(1)
		}
	}
	o.deliverBroadcast(cluster, message)
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
	o := m.overlay
	for _, id := range o.whereTopic(topic) {
		if r := o.remote(id); r != nil {
			r.publish(m, &wire.Event{Topic: topic, Event: event})
		} else {
			o.counters.sendsFailed.Add(1)
		}
	}
	o.deliverEvent(topic, event)
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

// whereCluster returns the other nodes that have members of a cluster.
func (o *Overlay) whereCluster(name []byte) []directory.NodeID {
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

// whereTopic returns the other nodes that have subscribers of a topic.
func (o *Overlay) whereTopic(name []byte) []directory.NodeID {
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

// await returns the nodes of a place, after it has become known or knowTimeout has
// passed. Overlay.mu is held, and released.
func (o *Overlay) await(p *place) []directory.NodeID {
	if p == nil {
		o.mu.Unlock()
		return nil
	}
	p.used = true
	nodes, known := p.nodes, p.known
	o.mu.Unlock()
	if known {
		return nodes
	}
	ctx, cancel := context.WithTimeout(o.net.ctx, knowTimeout)
	defer cancel()
	select {
	case <-p.ready:
	case <-ctx.Done():
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	return p.nodes
}

// remote returns a node that there is a link to, or nil.
func (o *Overlay) remote(id directory.NodeID) *remote {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.remotes[id]
}
