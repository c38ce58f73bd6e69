package overlay

import (
	"fmt"
	"slices"
	"sync"
	"testing/synctest"
	"time"
)

func playBroadcasts(w *world) {
	plain, other := w.here(""), w.there(0, "other")
	plains := []*app{w.there(0, ""), w.there(1, "")}
	var members []*app
	for i := range 5 {
		members = append(members, w.there(i, "service"))
	}
	members = append(members, w.here("service"))
	w.pass()
	plain.broadcast("service", "from outside")
	members[0].broadcast("service", "from inside") // another sender: no order between the two
	members[0].broadcast("nobody", "lost")
	plain.broadcast("", "to nobody")
	w.pass()
	for _, m := range members {
		m.mu.Lock()
		slices.Sort(m.seen)
		m.mu.Unlock()
		m.saw("broadcast from inside", "broadcast from outside")
	}
	members[1].Withdraw()
	w.pass()
	plain.broadcast("service", "once more")
	w.pass()
	for i, m := range members {
		if i != 1 {
			m.saw("broadcast once more")
		} else {
			m.saw()
		}
	}
	for _, a := range append(plains, plain, other) {
		a.saw()
	}
}

func playEvents(w *world) {
	alice, bob, carol := w.there(0, ""), w.there(1, "service"), w.here("")
	alice.unsubscribe("news") // never was
	alice.subscribe("news", "weather", "news")
	bob.subscribe("news")
	w.pass()
	carol.publish("news", "1")
	carol.publish("weather", "rain")
	carol.publish("nobody", "hello")
	w.pass()
	alice.publish("news", "2")
	w.pass()
	alice.saw("event news: 1", "event weather: rain", "event news: 2")
	bob.saw("event news: 1", "event news: 2")
	carol.saw()

	alice.unsubscribe("news")
	w.pass()
	carol.publish("news", "3")
	alice.unsubscribe("news")
	w.pass()
	alice.subscribe("news")
	bob.Close()
	w.pass()
	carol.publish("news", "4")
	w.pass()
	alice.saw("event news: 4")
	bob.saw("event news: 3")

	// What changes nothing in the end changes nothing.
	for range 20 {
		alice.unsubscribe("news")
		alice.subscribe("news")
	}
	w.pass()
	carol.publish("news", "5")
	w.pass()
	alice.saw("event news: 5")
}

func playNames(w *world) {
	service, subscriber, sender := w.there(0, "name"), w.there(1, ""), w.here("")
	subscriber.subscribe("name", "", "\xff\x00")
	w.pass()
	sender.broadcast("name", "b")
	sender.publish("name", "e")
	sender.publish("", "e")
	sender.publish("\xff\x00", "e")
	w.pass()
	service.saw("broadcast b")
	subscriber.saw("event name: e", "event : e", "event \xff\x00: e")
}

func playOrder(w *world) {
	const senders, messages = 4, 50
	var receivers []*app
	for i := range 3 {
		r := w.there(i, "service")
		r.subscribe("news")
		receivers = append(receivers, r)
	}
	w.pass()
	var group sync.WaitGroup
	for s := range senders {
		sender := attach(w.t, w.nodes[s%len(w.nodes)], "")
		group.Go(func() {
			for i := range messages {
				sender.broadcast("service", fmt.Sprintf("of %d", s))
				sender.publish("news", fmt.Sprintf("%d %d", s, i))
				sender.broadcast("service", fmt.Sprintf("%d %d", s, i))
			}
		})
	}
	group.Go(func() {
		for i := range messages {
			passing := w.there(i, "service")
			passing.subscribe("news")
			time.Sleep(time.Millisecond)
			passing.unsubscribe("news")
			passing.Close()
		}
	})
	group.Wait()
	w.pass()
	for _, r := range receivers {
		checkOrder(w.t, r, senders, messages)
	}
}

func playLeaving(w *world) {
	caller, leaver := w.here(""), w.there(0, "service")
	w.pass()
	caller.ask(1, "service", "a", time.Minute)
	w.pass()
	leaver.saw("request a")
	left := background(func() error { return leaver.Leave(w.t.Context()) })
	caller.ask(2, "service", "b", time.Minute) // refused there, and waits for the next member
	w.pass()
	caller.broadcast("service", "hello")
	w.pass()
	leaver.saw()
	checkRunning(w.t, left)
	leaver.answer(0, true, "done")
	w.pass()
	caller.saw("1: reply done")
	checkReturned(w.t, left, nil)

	next := w.there(1, "service")
	w.pass()
	next.saw("request b")
	leaver.Close()
	next.answer(0, true, "B")
	w.pass()
	caller.saw("2: reply B")
}

// A service that is started again at once is the same to others: it leaves, and is back
// before they have heard of it. What it refused in between is not forgotten.
func playReturn(w *world) {
	caller := w.here("")
	for i := range 20 {
		leaver := w.there(0, "service")
		w.pass()
		caller.ask(uint64(i), "service", "hello", time.Minute)
		time.Sleep(time.Duration(i) * 100 * time.Microsecond)
		leaver.Withdraw()
		time.Sleep(time.Duration(i%4) * 100 * time.Microsecond)
		next := w.there(0, "service", echoingLater)
		time.Sleep(time.Second)
		synctest.Wait()
		if len(leaver.requests) > 0 { // it came in time
			leaver.answer(0, true, "hello")
		}
		w.pass()
		caller.saw(fmt.Sprint(i, ": reply hello"))
		leaver.Close()
		next.Close()
		w.pass()
	}
}

func playDrain(w *world) {
	caller := w.here("")
	service := w.there(0, "service")
	asker := w.there(0, "")
	elsewhere := w.here("elsewhere")
	w.pass()
	caller.ask(1, "service", "a", time.Minute)
	asker.ask(2, "elsewhere", "b", time.Minute)
	asker.ask(3, "nobody", "c", time.Minute)
	w.pass()
	service.saw("request a")
	elsewhere.saw("request b")
	drained := background(func() error { return service.overlay.Drain(w.t.Context()) })
	checkRunning(w.t, drained)
	w.pass()
	asker.saw("3: fault node is stopping")
	caller.ask(4, "service", "d", 500*time.Millisecond)
	w.pass()
	service.saw()
	service.ask(5, "elsewhere", "for the answer to a", time.Minute)
	w.pass()
	elsewhere.saw("request for the answer to a")
	elsewhere.answer(1, true, "N")
	w.pass()
	service.saw("5: reply N")
	service.answer(0, true, "A")
	service.ask(6, "elsewhere", "for nothing", time.Minute)
	w.pass()
	service.saw("6: fault node is stopping")
	caller.saw("1: reply A")
	checkRunning(w.t, drained) // as one of its own has not got its answer
	elsewhere.answer(0, true, "B")
	w.pass()
	asker.saw("2: reply B")
	checkReturned(w.t, drained, nil)
	time.Sleep(time.Second)
	caller.saw("4: timed out")
}
