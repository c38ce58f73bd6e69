package names

import (
	"errors"
	"fmt"
)

// ErrTooManyTopics says that a member may not subscribe to more topics.
var ErrTooManyTopics = errors.New("too many subscriptions")

// topic is a name that members of this node are subscribed to or send to.
type topic struct {
	name    string
	members []Member // elements never change in place: readers keep a snapshot
	place   *Place   // nil while nobody here sends to it

	delivered uint64 // events to subscribers of this node, each as often as there are subscribers
}

// topic returns the named topic, which is made if nobody knew it. Whoever adds nothing to
// it has to call tidyTopic.
func (n *Names) topic(name string) *topic {
	t := n.topics[name]
	if t == nil {
		t = &topic{name: name}
		n.topics[name] = t
	}
	return t
}

// tidyTopic forgets a topic that nobody has to do with.
func (n *Names) tidyTopic(t *topic) {
	if len(t.members) == 0 && t.place == nil {
		delete(n.topics, t.name)
	}
}

// Subscribe notes that a member wants the events of a topic. To be subscribed already is
// fine, and so is to be detached. It fails with [ErrTooManyTopics],
// which has the refusal of the node beside it where that is the reason.
func (n *Names) Subscribe(m Member, name string) error {
	a := n.accounts[m]
	if a == nil {
		return nil
	}
	if _, ok := a.topics[name]; ok {
		return nil
	}
	if len(a.topics) >= n.config.Topics || a.topicBytes+len(name) > n.config.TopicBytes {
		return ErrTooManyTopics
	}
	if err := n.paySubscription(a, name); err != nil {
		return fmt.Errorf("%w: %w", ErrTooManyTopics, err)
	}
	if a.topics == nil {
		a.topics = make(map[string]struct{})
	}
	t := n.topic(name)
	a.topics[t.name] = struct{}{}
	a.topicBytes += len(name)
	t.members = append(t.members, m)
	n.registerTopic(t)
	return nil
}

// paySubscription has a member pay for a subscription.
func (n *Names) paySubscription(a *account, name string) error {
	if err := a.memory.Take(subscriptionMemory); err != nil {
		return err
	}
	err := n.pay(a, name, n.topics[name].first())
	if err != nil {
		a.memory.Give(subscriptionMemory)
	}
	return err
}

// Unsubscribe ends a subscription. Not to be subscribed is fine.
func (n *Names) Unsubscribe(m Member, name string) {
	a := n.accounts[m]
	if a == nil {
		return
	}
	if _, ok := a.topics[name]; ok {
		n.unsubscribe(m, a, name)
	}
}

// unsubscribe ends a subscription that there is.
func (n *Names) unsubscribe(m Member, a *account, name string) {
	delete(a.topics, name)
	a.topicBytes -= len(name)
	a.memory.Give(subscriptionMemory)
	t := n.topics[name]
	first := t.first()
	t.members = without(t.members, m)
	n.inherit(name, first, t.first())
	n.registerTopic(t)
	n.tidyTopic(t)
}

// registerTopic notes whether this node has subscribers of a topic.
func (n *Names) registerTopic(t *topic) {
	for _, h := range n.hashers() {
		n.register(h.Topic([]byte(t.name)), len(t.members) > 0)
	}
}

// DeliverEvent returns the subscribers of a topic at this node, for one who delivers an event to
// them, which is counted. The slice is not to be modified.
func (n *Names) DeliverEvent(name []byte) []Member {
	t := n.topics[string(name)]
	if t == nil {
		return nil
	}
	t.delivered += uint64(len(t.members))
	n.delivered.Events += uint64(len(t.members))
	return t.members
}
