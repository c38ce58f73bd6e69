package overlay

// Broadcast delivers a message to every member of a cluster, the sender included
// if it is one. The message is borrowed.
func (m *Member) Broadcast(cluster, message []byte) {
	o := m.overlay
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

// Publish delivers an event to every subscriber of a topic, the sender included if
// it is one. Topic and event are borrowed.
func (m *Member) Publish(topic, event []byte) {
	o := m.overlay
	o.mu.Lock()
	subscribers := o.topics[string(topic)]
	o.mu.Unlock()
	for _, to := range subscribers {
		to.handler.HandleEvent(topic, event)
	}
}

// Subscribe asks for the events of a topic. To be subscribed already is fine. It
// fails with [ErrTooManyTopics] or [ErrClosed].
func (m *Member) Subscribe(topic []byte) error {
	o := m.overlay
	o.mu.Lock()
	defer o.mu.Unlock()
	if _, ok := m.topics[string(topic)]; ok {
		return nil
	}
	if m.isClosed() {
		return ErrClosed
	}
	if len(m.topics) >= o.config.Topics || m.topicBytes+len(topic) > o.config.TopicBytes {
		return ErrTooManyTopics
	}
	if m.topics == nil {
		m.topics = make(map[string]struct{})
	}
	name := string(topic)
	m.topics[name] = struct{}{}
	m.topicBytes += len(name)
	o.topics[name] = append(o.topics[name], m)
	return nil
}

// Unsubscribe ends a subscription. Not to be subscribed is fine.
func (m *Member) Unsubscribe(topic []byte) {
	o := m.overlay
	o.mu.Lock()
	defer o.mu.Unlock()
	if _, ok := m.topics[string(topic)]; ok {
		o.unsubscribe(m, string(topic))
	}
}

// unsubscribe ends a subscription that there is. Overlay.mu is held.
func (o *Overlay) unsubscribe(m *Member, topic string) {
	delete(m.topics, topic)
	m.topicBytes -= len(topic)
	rest := without(o.topics[topic], m)
	if len(rest) == 0 {
		delete(o.topics, topic)
		return
	}
	o.topics[topic] = rest
}
