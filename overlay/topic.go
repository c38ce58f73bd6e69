package overlay

import "slices"

// topic is a name that members of this node are subscribed to or send to. Overlay.mu
// guards it.
type topic struct {
	name    string
	members []*Member // elements never change in place: readers keep a snapshot
	away    *place    // nodes with other subscribers; nil while nobody here sends to it
}

// topic returns the named topic, which is made if nobody knew it. Overlay.mu is held.
func (o *Overlay) topic(name string) *topic {
	t := o.topics[name]
	if t == nil {
		t = &topic{name: name}
		o.topics[name] = t
	}
	return t
}

// tidyTopic forgets a topic that nobody has to do with. Overlay.mu is held.
func (o *Overlay) tidyTopic(t *topic) {
	if len(t.members) == 0 && t.away == nil {
		delete(o.topics, t.name)
	}
}

// Subscribe asks for the events of a topic. To be subscribed already is fine. It
// fails with [ErrTooManyTopics] or [ErrClosed].
func (m *Member) Subscribe(name []byte) error {
	o := m.overlay
	o.mu.Lock()
	defer o.mu.Unlock()
	if _, ok := m.topics[string(name)]; ok {
		return nil
	}
	if m.closed.Load() {
		return ErrClosed
	}
	if len(m.topics) >= o.config.Topics || m.topicBytes+len(name) > o.config.TopicBytes {
		return ErrTooManyTopics
	}
	if m.topics == nil {
		m.topics = make(map[string]struct{})
	}
	t := o.topic(string(name))
	m.topics[t.name] = struct{}{}
	m.topicBytes += len(name)
	t.members = append(t.members, m)
	o.subscribed(t)
	return nil
}

// Unsubscribe ends a subscription. Not to be subscribed is fine.
func (m *Member) Unsubscribe(name []byte) {
	o := m.overlay
	o.mu.Lock()
	defer o.mu.Unlock()
	if _, ok := m.topics[string(name)]; ok {
		o.unsubscribe(m, string(name))
	}
}

// unsubscribe ends a subscription that there is. Overlay.mu is held.
func (o *Overlay) unsubscribe(m *Member, name string) {
	delete(m.topics, name)
	m.topicBytes -= len(name)
	t := o.topics[name]
	t.members = without(t.members, m)
	o.subscribed(t)
	o.tidyTopic(t)
}

// without returns a copy of the members that lacks m. Whoever goes through the old
// slice is not disturbed, nor by one that is appended to.
func without(members []*Member, m *Member) []*Member {
	i := slices.Index(members, m)
	if i < 0 {
		return members
	}
	return slices.Concat(members[:i:i], members[i+1:])
}
