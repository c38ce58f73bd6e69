package client

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/project-iris/iris/relay/wire"
	"github.com/project-iris/iris/transport/outbox"
)

// Publish sends an event to every subscriber of a topic, this application included
// if it is one. It returns when the event is queued for the node, and waits for
// room until the context ends. Events of one sender arrive in order.
//
// Errors: [ErrTimeout], the context's, [ErrTooLarge], [ErrClosed].
func (c *Conn) Publish(ctx context.Context, topic string, event []byte) error {
	err := c.checkMessage(topic, event)
	if err == nil {
		err = c.sendEvent(ctx, topic, event)
	}
	if err != nil {
		return fmt.Errorf("publish to %q: %w", topic, err)
	}
	return nil
}

func (c *Conn) sendEvent(ctx context.Context, topic string, event []byte) error {
	m := wire.Publish{Topic: []byte(topic), Event: event}
	a := c.current.Load()
	b, err := a.begin(ctx, &a.out.Bulk, m.Size())
	if err != nil {
		return err
	}
	a.out.Commit(m.Append(b))
	return nil
}

// Subscription is one interest in a topic. The same topic can have several.
type Subscription struct {
	conn  *Conn
	topic string
	inbox *inbox[[]byte]
}

// Subscribe has a function called with each event of a topic, one at a time, in the
// order of arrival. The event is the function's to keep. As many bytes as
// [Config].ReceiveQueue wait for their turn; what arrives beyond is dropped and
// counted. A slow function holds up nothing else.
//
// Subscribe waits for room to send until the context ends. The node does not
// confirm: events that others publish in this moment may be missed, those that
// this application publishes afterwards are not.
//
// Errors: [ErrTimeout], the context's, [ErrTooLarge], [ErrClosed].
func (c *Conn) Subscribe(ctx context.Context, topic string, handle func(event []byte)) (*Subscription, error) {
	if handle == nil {
		return nil, fmt.Errorf("subscribe to %q: no function to call", topic)
	}
	s := &Subscription{conn: c, topic: topic}
	s.inbox = newInbox(&c.running, c.config.ReceiveQueue, 1, handle)
	err := checkName(topic)
	if err == nil {
		err = c.subscribe(ctx, s)
	}
	if err != nil {
		return nil, fmt.Errorf("subscribe to %q: %w", topic, err)
	}
	return s, nil
}

func (c *Conn) subscribe(ctx context.Context, s *Subscription) error {
	for !c.closing.Load() {
		err := c.topics.add(s)
		switch {
		case err == nil:
			return nil
		case !errors.Is(err, outbox.ErrFull):
			return sendError(ctx, err)
		}
		if err := waitRoom(ctx, &c.current.Load().out.Prompt); err != nil {
			return err
		}
	}
	return notSent(ErrClosed)
}

// Unsubscribe ends the subscription. Events that wait are discarded; a call that is
// under way goes on, and none follows it. Anyone may call it, the function of the
// subscription included; further calls have no effect.
func (s *Subscription) Unsubscribe() {
	s.conn.topics.remove(s)
	s.inbox.discard()
}

// receiveEvent queues an event for each subscription of its topic.
func (c *Conn) receiveEvent(m *wire.Publish) {
	c.topics.mu.Lock()
	defer c.topics.mu.Unlock()
	for _, s := range c.topics.subscriptions[string(m.Topic)] {
		if !s.inbox.put(append([]byte{}, m.Event...), len(m.Event)) {
			c.count(&c.counters.droppedEvents, "event dropped", "reason", "queue is full", "topic", s.topic)
		}
	}
}

// topics knows the subscriptions. Its lock also orders the frames that tell the
// node of the first and the last one of each topic.
type topics struct {
	mu            sync.Mutex
	at            *attachment // whose node knows the topics, unless it has ended
	subscriptions map[string][]*Subscription
}

// use tells the node of another attachment all topics. Nothing bounds the queue there but
// the number of topics, for each of which the application has waited once.
func (ts *topics) use(a *attachment) {
	ts.mu.Lock()
	defer ts.mu.Unlock()
	ts.at = a
	for topic := range ts.subscriptions {
		m := wire.Subscribe{Topic: []byte(topic)}
		if b, err := a.out.Prompt.BeginOver(m.Size()); err == nil {
			a.out.Commit(m.Append(b))
		}
	}
	a.out.Order()
}

// add adds a subscription, and tells the node if it is the first of its topic. It
// does not wait for room.
func (ts *topics) add(s *Subscription) error {
	ts.mu.Lock()
	defer ts.mu.Unlock()
	if len(ts.subscriptions[s.topic]) == 0 {
		m := wire.Subscribe{Topic: []byte(s.topic)}
		b, err := ts.at.out.Prompt.Begin(m.Size())
		if err != nil {
			return err
		}
		ts.at.out.Commit(m.Append(b))
		ts.at.out.Order() // before what the application publishes from now on
	}
	ts.subscriptions[s.topic] = append(ts.subscriptions[s.topic], s)
	return nil
}

// remove removes a subscription, and tells the node if it was the last of its
// topic. That is sent even if the queue is full: there is one for each SUBSCRIBE,
// which waited.
func (ts *topics) remove(s *Subscription) {
	ts.mu.Lock()
	defer ts.mu.Unlock()
	all := ts.subscriptions[s.topic]
	i := slices.Index(all, s)
	if i < 0 {
		return
	}
	if len(all) > 1 {
		ts.subscriptions[s.topic] = slices.Delete(all, i, i+1)
		return
	}
	delete(ts.subscriptions, s.topic)
	m := wire.Unsubscribe{Topic: []byte(s.topic)}
	if b, err := ts.at.out.Prompt.BeginOver(m.Size()); err == nil {
		ts.at.out.Commit(m.Append(b))
	}
}

// discard drops the events that wait.
func (ts *topics) discard() {
	ts.mu.Lock()
	defer ts.mu.Unlock()
	for _, all := range ts.subscriptions {
		for _, s := range all {
			s.inbox.discard()
		}
	}
}
