package overlay

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
)

func (a *app) broadcast(cluster, message string) { a.Broadcast([]byte(cluster), []byte(message)) }

func (a *app) publish(topic, event string) { a.Publish([]byte(topic), []byte(event)) }

func (a *app) subscribe(topics ...string) {
	a.t.Helper()
	for _, topic := range topics {
		if err := a.Subscribe([]byte(topic)); err != nil {
			a.t.Errorf("subscribe to %q: %v", topic, err)
		}
	}
}

func (a *app) unsubscribe(topic string) { a.Unsubscribe([]byte(topic)) }

// Rule 12 for broadcasts: the sender's own, too.
func TestABroadcastReachesEachMemberOnce(t *testing.T) {
	o := New(Config{})
	defer o.Close()
	plain, other := attach(t, o, ""), attach(t, o, "other")
	alice, bob := attach(t, o, "service"), attach(t, o, "service")
	plain.broadcast("service", "from outside")
	alice.broadcast("service", "from inside")
	alice.broadcast("nobody", "lost")
	for _, member := range []*app{alice, bob} {
		member.saw("broadcast from outside", "broadcast from inside")
	}
	plain.saw()
	other.saw()

	bob.Withdraw()
	plain.broadcast("service", "once more")
	alice.saw("broadcast once more")
	bob.saw()
	checkIdle(t, o)
}

// Rule 11: a plain client gets neither broadcasts, requests nor tunnels.
func TestPlainClientsGetNoBroadcast(t *testing.T) {
	o := New(Config{})
	defer o.Close()
	plain := attach(t, o, "")
	attach(t, o, "").broadcast("", "hello")
	plain.saw()
}

// Rule 12 for events.
func TestAnEventReachesEachSubscriberOnce(t *testing.T) {
	o := New(Config{})
	defer o.Close()
	alice, bob, carol := attach(t, o, ""), attach(t, o, "service"), attach(t, o, "")
	alice.subscribe("news", "weather")
	bob.subscribe("news")
	alice.publish("news", "hello")
	carol.publish("weather", "rain")
	carol.publish("nobody", "hello")
	alice.saw("event news: hello", "event weather: rain")
	bob.saw("event news: hello")
	carol.saw()
}

// Rule 13: what changes nothing is ignored, and the rest applies in order.
func TestSubscriptionsMayBeRepeated(t *testing.T) {
	o := New(Config{})
	a, sender := attach(t, o, ""), attach(t, o, "")
	a.unsubscribe("news") // never was
	a.subscribe("news", "news", "news")
	sender.publish("news", "once")
	a.unsubscribe("news")
	sender.publish("news", "never")
	a.unsubscribe("news")
	a.subscribe("news")
	sender.publish("news", "again")
	a.saw("event news: once", "event news: again")
	a.unsubscribe("news")
	if n := o.lookup.Stats().Topics; n != 0 {
		t.Errorf("%d topics are remembered", n)
	}
	o.Close()
	checkEmpty(t, o)
}

// Rule 14: topics and clusters are separate name spaces, and empty names are legal.
func TestNamesOfTopicsAndClusters(t *testing.T) {
	o := New(Config{})
	defer o.Close()
	service, subscriber := attach(t, o, "name"), attach(t, o, "")
	subscriber.subscribe("name", "")
	service.broadcast("name", "b")
	service.publish("name", "e")
	service.publish("", "e")
	service.saw("broadcast b")
	subscriber.saw("event name: e", "event : e")
}

func TestSubscriptionsAreBounded(t *testing.T) {
	o := New(Config{Topics: 2})
	defer o.Close()
	a := attach(t, o, "")
	a.subscribe("1", "2", "1", "2")
	if err := a.Subscribe([]byte("3")); !errors.Is(err, ErrTooManyTopics) {
		t.Errorf("a third topic: %v", err)
	}
	a.publish("3", "hello")
	a.saw()
	a.unsubscribe("1")
	a.subscribe("3")
	attach(t, o, "").subscribe("1", "2")
}

// The names that a member makes the node remember are bounded in bytes too, and
// given back.
func TestBytesOfTopicNamesAreBounded(t *testing.T) {
	o := New(Config{TopicBytes: 10})
	a, err := o.Attach(nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if err := a.Subscribe([]byte("0123456789")); err != nil {
			t.Fatalf("ten bytes of ten: %v", err)
		}
		if err := a.Subscribe([]byte("x")); !errors.Is(err, ErrTooManyTopics) {
			t.Errorf("eleven bytes of ten: %v, want %v", err, ErrTooManyTopics)
		}
		a.Unsubscribe([]byte("0123456789"))
	}
}

// A subscriber may change subscriptions while an event is delivered.
func TestUnsubscribeDuringPublish(t *testing.T) {
	o := New(Config{})
	defer o.Close()
	var first, last *app
	first = attach(t, o, "", func(a *app) {
		a.event = func(topic, _ []byte) {
			a.Unsubscribe(topic)
			last.Unsubscribe([]byte("other"))
			last.subscribe("new")
		}
	})
	middle := attach(t, o, "")
	last = attach(t, o, "")
	for _, a := range []*app{first, middle, last} {
		a.subscribe("news", "other")
	}
	middle.publish("news", "1")
	middle.publish("news", "2")
	middle.publish("other", "3")
	middle.publish("new", "4")
	first.saw("event news: 1", "event other: 3")
	middle.saw("event news: 1", "event news: 2", "event other: 3")
	last.saw("event news: 1", "event news: 2", "event new: 4")
}

func TestACloseEndsSubscriptions(t *testing.T) {
	o := New(Config{})
	a, other := attach(t, o, "service"), attach(t, o, "")
	a.subscribe("news", "weather")
	other.subscribe("news")
	a.Close()
	other.publish("news", "hello")
	other.broadcast("service", "hello")
	a.saw()
	other.saw("event news: hello")
	if err := a.Subscribe([]byte("news")); !errors.Is(err, ErrClosed) {
		t.Errorf("subscribe after close: %v", err)
	}
	a.unsubscribe("news")
	other.Close()
	checkEmpty(t, o)
}

// From one sender to one receiver messages keep their order, whatever other
// senders do and while others come and go, and none comes twice.
func TestOrderBySender(t *testing.T) {
	const senders, messages = 4, 300
	o := New(Config{})
	receivers := []*app{attach(t, o, "service"), attach(t, o, "service"), attach(t, o, "service")}
	for _, r := range receivers {
		r.subscribe("news")
	}
	var group sync.WaitGroup
	for s := range senders {
		sender := attach(t, o, "")
		group.Go(func() {
			for i := range messages {
				sender.broadcast("service", fmt.Sprintf("of %d", s))
				sender.publish("news", fmt.Sprintf("%d %d", s, i))
				sender.broadcast("service", fmt.Sprintf("%d %d", s, i))
			}
		})
	}
	group.Go(func() {
		for range messages {
			passing := attach(t, o, "service")
			passing.subscribe("news")
			passing.unsubscribe("news")
			passing.Close()
		}
	})
	group.Wait()
	for _, r := range receivers {
		checkOrder(t, r, senders, messages)
	}
	o.Close()
	checkEmpty(t, o)
}

// checkOrder checks that a receiver saw from each sender each round once, and the
// rounds in order.
func checkOrder(t *testing.T, r *app, senders, messages int) {
	t.Helper()
	for s := range senders {
		var want []string
		for i := range messages {
			want = append(want, fmt.Sprintf("broadcast of %d", s),
				fmt.Sprintf("event news: %d %d", s, i), fmt.Sprintf("broadcast %d %d", s, i))
		}
		got := slices.DeleteFunc(slices.Clone(r.seen), func(line string) bool {
			return !strings.HasPrefix(line, fmt.Sprintf("broadcast of %d", s)) &&
				!strings.Contains(line, fmt.Sprintf(" %d ", s))
		})
		if !slices.Equal(got, want) {
			t.Errorf("of %d messages of sender %d, %d came, or not in order", len(want), s, len(got))
		}
	}
}
