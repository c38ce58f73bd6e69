package client

import (
	"fmt"
	"testing"
	"testing/synctest"

	"github.com/project-iris/iris/relay/wire"
)

func TestSubscriptionsGetTheirEventsInOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, relay := attached(t, Service{}, Config{})
		var first, second, other []string
		collect := func(into *[]string) func([]byte) {
			return func(event []byte) { *into = append(*into, string(event)) }
		}
		a := must(c.Subscribe(t.Context(), "news", collect(&first)))
		b := must(c.Subscribe(t.Context(), "news", collect(&second)))
		must(c.Subscribe(t.Context(), "", collect(&other)))
		if m := expect[*wire.Subscribe](relay); string(m.Topic) != "news" {
			t.Errorf("sent %+v", m)
		}
		if m := expect[*wire.Subscribe](relay); string(m.Topic) != "" {
			t.Errorf("sent %+v", m)
		}
		event := func(topic string, i int) wire.Message {
			return &wire.Publish{Topic: []byte(topic), Event: fmt.Append(nil, i)}
		}
		relay.send(event("news", 1), event("", 2), event("news", 3), event("unknown", 4))
		synctest.Wait()
		a.Unsubscribe()
		a.Unsubscribe()
		relay.silent() // the other subscription needs the topic
		relay.send(event("news", 5))
		synctest.Wait()
		b.Unsubscribe()
		if m := expect[*wire.Unsubscribe](relay); string(m.Topic) != "news" {
			t.Errorf("sent %+v", m)
		}
		relay.send(event("news", 6), event("", 7))
		synctest.Wait()
		if got := fmt.Sprint(first, second, other); got != "[1 3] [1 3 5] [2 7]" {
			t.Errorf("got %s", got)
		}
		must(c.Subscribe(t.Context(), "news", collect(&first)))
		expect[*wire.Subscribe](relay)
	})
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// A subscriber that hangs loses events of its own, counted, and holds up neither
// other subscribers nor replies.
func TestASlowSubscriberHoldsUpNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, relay := attached(t, Service{}, Config{ReceiveQueue: 2 * (1 + itemOverhead)})
		release := make(chan struct{})
		var slow, fast string
		must(c.Subscribe(t.Context(), "t", func(event []byte) {
			<-release
			slow += string(event)
		}))
		must(c.Subscribe(t.Context(), "t", func(event []byte) { fast += string(event) }))
		expect[*wire.Subscribe](relay)
		for i := range 10 {
			relay.send(&wire.Publish{Topic: []byte("t"), Event: fmt.Append(nil, i)})
			synctest.Wait()
		}
		done := async(func() ([]byte, error) { return c.Request(t.Context(), "echo", nil) })
		relay.send(&wire.Result{ID: expect[*wire.Request](relay).ID, OK: true})
		if err := (<-done).err; err != nil {
			t.Error(err)
		}
		close(release)
		synctest.Wait()
		if slow != "012" || fast != "0123456789" || c.Stats().DroppedEvents != 7 {
			t.Errorf("slow got %s, fast %s, stats %+v", slow, fast, c.Stats())
		}
	})
}

// After Unsubscribe, which the function itself may call, no call begins.
func TestUnsubscribeDiscardsWhatWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, relay := attached(t, Service{}, Config{})
		var s *Subscription
		calls := 0
		s = must(c.Subscribe(t.Context(), "t", func([]byte) {
			calls++
			s.Unsubscribe()
		}))
		expect[*wire.Subscribe](relay)
		e := &wire.Publish{Topic: []byte("t"), Event: []byte("e")}
		relay.send(e, e, e)
		expect[*wire.Unsubscribe](relay)
		synctest.Wait()
		if calls != 1 {
			t.Errorf("called %d times", calls)
		}
	})
}

func TestPublish(t *testing.T) {
	c, relay := attached(t, Service{}, Config{})
	if err := c.Publish(t.Context(), "news", []byte("hello")); err != nil {
		t.Error(err)
	}
	if m := expect[*wire.Publish](relay); string(m.Topic) != "news" || string(m.Event) != "hello" {
		t.Errorf("sent %+v", m)
	}
	if _, err := c.Subscribe(t.Context(), "news", nil); err == nil {
		t.Error("subscribed without a function")
	}
}
