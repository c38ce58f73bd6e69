package overlay

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/project-iris/iris/overlay/names"
	"github.com/project-iris/iris/transport/mem"
)

// sizes are the networks that hold what holds on one node.
var sizes = []int{2, 3, 12}

// scenarios are what holds on one node, with callers on the first node and services on
// the others. Each has a network of its own, of which nobody knows a name before.
var scenarios = []struct {
	name   string
	config Config
	play   func(w *world)
}{
	{name: "exactly one answer (Rules 5, 7, 8, 9, 27)", play: playAnswers},
	{name: "the answer comes at the deadline (Rule 5)", play: playDeadlines},
	{name: "timeouts of zero and of years (Rule 6)", play: playTimeouts},
	{name: "ids are opaque (Rule 9)", play: playIDs},
	{name: "an application gets its own (Rule 12)", play: playOwn},
	{name: "a request waits for a member (Rule 10)", play: playWaiting},
	{name: "a request waits in vain (Rules 10, 11, 14)", play: playWaitingInVain},
	{name: "who is impatient is told that there is nobody", play: playImpatient},
	{name: "held requests are handed over in order", play: playHeldOrder},
	{name: "held requests of a caller that closes", play: playHeldAndClosed},
	{name: "a refused request goes to the next", play: playRefused},
	{name: "all refuse", play: playAllRefuse},
	{name: "a member has too many in hand", config: Config{OpenRequests: 2}, play: playTooMany},
	{name: "broadcasts reach each member once (Rule 11)", play: playBroadcasts},
	{name: "events reach each subscriber once (Rule 13)", play: playEvents},
	{name: "names of topics and clusters (Rule 14)", play: playNames},
	{name: "order by sender", play: playOrder},
	{name: "leaving finishes what is in hand (Rule 27)", play: playLeaving},
	{name: "a member that comes back is found", play: playReturn},
	{name: "draining finishes what is in hand", play: playDrain},
}

func TestWhatHoldsOnOneNodeHoldsAcrossNodes(t *testing.T) {
	for _, n := range sizes {
		for _, s := range scenarios {
			t.Run(fmt.Sprintf("%d nodes/%s", n, s.name), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					w := newWorldOf(t, n, s.config, mem.Path{Delay: time.Millisecond})
					s.play(w)
					w.idle()
				})
			})
		}
	}
}

// here attaches an application to the first node.
func (w *world) here(cluster string, options ...func(*app)) *app {
	w.t.Helper()
	return attach(w.t, w.nodes[0], cluster, options...)
}

// there attaches an application to the i-th of the other nodes, which go round.
func (w *world) there(i int, cluster string, options ...func(*app)) *app {
	w.t.Helper()
	return attach(w.t, w.nodes[1+i%(len(w.nodes)-1)], cluster, options...)
}

// pass lets all that is under way arrive.
func (w *world) pass() {
	time.Sleep(100 * time.Millisecond)
	synctest.Wait()
}

// idle checks that nothing is in anybody's hands, nor thought to be.
func (w *world) idle() {
	w.t.Helper()
	w.pass()
	for _, o := range w.nodes {
		checkIdle(w.t, o)
		for id, r := range o.links.All() {
			if n := r.Calls(); n != 0 {
				w.t.Errorf("%d requests are thought to be at node %x", n, id[:4])
			}
		}
		if n := o.lookup.Stats().UnderWay; n != 0 {
			w.t.Errorf("%d requests are counted on their way to other nodes", n)
		}
	}
}

func playAnswers(w *world) {
	for i, row := range answerRows {
		cluster := fmt.Sprint("service ", i)
		caller := w.here("")
		service := w.there(i, cluster, func(a *app) {
			if row.serve != nil {
				a.serve = func(id uint64, _ []byte, _ time.Duration) error { return row.serve(a, id) }
			}
		})
		w.pass()
		caller.ask(7, cluster, "", time.Second)
		w.pass()
		if row.then != nil {
			row.then(caller, service)
		}
		time.Sleep(3 * time.Second)
		caller.saw(row.outcome...)
		service.saw("request ")
		w.idle()
		if w.t.Failed() {
			w.t.Fatalf("failed when %s", row.name)
		}
	}
}

func playDeadlines(w *world) {
	caller := w.here("")
	w.there(0, "silent")
	w.pass()
	caller.waitsInVain("silent")
}

func playTimeouts(w *world) {
	caller := w.here("")
	var given time.Duration
	service := w.there(0, "service", func(a *app) {
		a.serve = func(_ uint64, _ []byte, timeout time.Duration) error {
			given = timeout
			return nil
		}
	})
	w.pass()
	for _, timeout := range []time.Duration{0, -1, math.MinInt64} {
		caller.ask(3, "service", "", timeout)
		caller.ask(4, "nobody", "", timeout)
		caller.saw("3: timed out", "4: timed out")
	}
	w.pass()
	service.saw()
	caller.ask(1, "service", "huge", math.MaxInt64)
	caller.ask(2, "nobody", "huge", math.MaxInt64)
	time.Sleep(20 * time.Second)
	synctest.Wait()
	if given < math.MaxInt64-time.Hour {
		w.t.Errorf("the service got %v of a huge timeout", given)
	}
	service.answer(0, true, "at last")
	late := w.there(1, "nobody")
	w.pass()
	late.answer(0, true, "at last")
	w.pass()
	caller.saw("1: reply at last", "2: reply at last")

	caller.ask(5, "service", "tiny", 1)
	w.pass()
	caller.saw("5: timed out")
}

func playIDs(w *world) {
	alice, bob := w.here(""), w.here("")
	service := w.there(0, "service")
	w.pass()
	alice.ask(0, "service", "a", time.Minute)
	alice.ask(math.MaxUint64, "service", "b", time.Minute)
	alice.ask(5, "service", "c", time.Minute)
	alice.ask(5, "service", "d", time.Minute)
	w.pass()
	bob.ask(5, "service", "e", time.Minute)
	w.pass()
	service.saw("request a", "request b", "request c", "request d", "request e")
	for i, text := range []string{"A", "B", "C", "D", "E"} {
		service.answer(i, true, text)
		w.pass()
	}
	alice.saw("0: reply A", "18446744073709551615: reply B", "5: reply C", "5: reply D")
	bob.saw("5: reply E")
}

func playOwn(w *world) {
	a := w.here("service", echoing)
	b := w.there(0, "service", echoing)
	a.subscribe("news")
	b.subscribe("news")
	w.pass()
	for _, s := range []*app{a, b} {
		s.broadcast("service", "b")
		s.publish("news", "e")
		w.pass()
		for _, s := range []*app{a, b} {
			s.saw("broadcast b", "event news: e")
		}
	}
	for i := range 20 {
		a.ask(uint64(i), "service", "r", time.Second)
		b.ask(uint64(i), "service", "r", time.Second)
		w.pass()
	}
	for _, s := range []*app{a, b} {
		s.mu.Lock()
		replies := slices.DeleteFunc(s.seen, func(line string) bool { return strings.HasPrefix(line, "request") })
		s.seen = nil
		s.mu.Unlock()
		if len(replies) != 20 || replies[19] != "19: reply r" {
			w.t.Errorf("20 requests to the own cluster got %q", replies)
		}
	}
	// Alone, it is the one that it asks.
	b.Close()
	w.pass()
	a.ask(1, "service", "me", time.Second)
	w.pass()
	a.saw("request me", "1: reply me")
}

func playWaiting(w *world) {
	caller := w.here("")
	caller.ask(1, "late", "hello", 20*time.Second)
	time.Sleep(10 * time.Second)
	caller.saw()
	var left time.Duration
	service := w.there(0, "late", func(a *app) {
		a.serve = func(_ uint64, _ []byte, timeout time.Duration) error {
			left = timeout
			return nil
		}
	})
	w.pass()
	service.saw("request hello")
	if left > 10*time.Second || left < 9900*time.Millisecond {
		w.t.Errorf("%v were left, want 10s", left)
	}
	service.answer(0, true, "here I am")
	w.pass()
	caller.saw("1: reply here I am")
}

func playWaitingInVain(w *world) {
	callers := []*app{w.here(""), w.there(0, ""), w.there(1, "")}
	for _, c := range callers {
		c.ask(1, "nobody", "hello", 10*time.Second)
		c.ask(2, "", "hello", 10*time.Second)
	}
	time.Sleep(10*time.Second - 1)
	synctest.Wait()
	for _, c := range callers {
		c.saw()
	}
	time.Sleep(time.Nanosecond)
	synctest.Wait()
	for _, c := range callers {
		c.saw("1: timed out", "2: timed out")
	}
	service := w.there(0, "nobody")
	w.pass()
	service.saw() // the requests are gone
}

// playImpatient asks for a minute each time, and is answered within seconds: three for the first
// message to a name, as knowTimeout says.
func playImpatient(w *world) {
	hasty, patient := w.here(""), w.here("")
	hasty.FailFast()
	hasty.ask(1, "svc", "hello", time.Minute)
	patient.ask(2, "svc", "hello", 10*time.Second)
	time.Sleep(3 * time.Second)
	synctest.Wait()
	hasty.saw("1: timed out")
	patient.saw()

	service := w.there(0, "svc")
	w.pass()
	hasty.ask(3, "svc", "hello", time.Minute)
	w.pass()
	service.answer(0, true, "yes")
	service.answer(1, true, "yes")
	w.pass()
	patient.saw("2: reply yes")
	hasty.saw("3: reply yes")
	service.Close()
	w.pass()
	hasty.ask(4, "svc", "hello", time.Minute)
	w.pass()
	hasty.saw("4: timed out")
}

// A node that has heard of no other one may be alone, and says so to those who do not want to
// wait. Who waits is answered when the others are found.
func TestWhoIsAloneIsToldAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 1, mem.Path{Delay: time.Millisecond})
		attach(t, w.nodes[0], "svc", echoing)
		w.start()
		hasty, patient := w.there(0, ""), w.there(0, "")
		hasty.FailFast()
		hasty.ask(1, "svc", "hello", time.Minute)
		patient.ask(2, "svc", "hello", time.Minute)
		synctest.Wait()
		hasty.saw("1: timed out")
		patient.saw()
		w.settle()
		patient.saw("2: reply hello")
		hasty.ask(3, "svc", "hello", time.Minute)
		w.pass()
		hasty.saw("3: reply hello")
	})
}

func playHeldOrder(w *world) {
	callers := []*app{w.here(""), w.here("")}
	want := make([][]string, len(callers))
	for i := range 40 {
		c := i * 7 % 3 % len(callers)
		text := fmt.Sprintf("%d of %d", i, c)
		callers[c].ask(uint64(i), "late", text, time.Minute-time.Duration(i)*time.Second)
		want[c] = append(want[c], "request "+text)
	}
	service := w.there(0, "late")
	w.pass()
	for c := range callers {
		service.mu.Lock()
		got := slices.DeleteFunc(slices.Clone(service.seen), func(line string) bool {
			return !strings.HasSuffix(line, fmt.Sprint(" of ", c))
		})
		service.mu.Unlock()
		if !slices.Equal(got, want[c]) {
			w.t.Errorf("of caller %d came %q, want %q", c, got, want[c])
		}
	}
	service.Close()
}

func playHeldAndClosed(w *world) {
	caller, other := w.here(""), w.here("")
	caller.ask(1, "late", "mine", time.Minute)
	other.ask(1, "late", "other", time.Minute)
	name, body := []byte("later"), []byte("copied")
	other.Request(2, name, body, time.Minute)
	copy(name, "XXXXX")
	copy(body, "XXXXXX")
	caller.Close()
	w.pass()
	late, later := w.there(0, "late", echoingLater), w.there(1, "later", echoingLater)
	w.pass()
	late.saw("request other")
	later.saw("request copied")
	caller.saw()
}

func playRefused(w *world) {
	caller := w.here("")
	w.there(0, "service", refusing)
	w.there(0, "service", refusing)
	w.there(1, "service", echoing)
	w.pass()
	for i := range 20 {
		caller.ask(uint64(i), "service", "please", time.Second)
		w.pass()
		caller.saw(fmt.Sprint(i, ": reply please"))
	}
}

func playAllRefuse(w *world) {
	for members := 1; members <= 5; members++ {
		cluster := fmt.Sprint("busy ", members)
		caller := w.here("")
		services := make([]*app, members)
		for i := range services {
			services[i] = w.there(i, cluster, refusing)
		}
		w.pass()
		caller.ask(1, cluster, "", 10*time.Second)
		w.pass()
		caller.saw()
		time.Sleep(10 * time.Second)
		caller.saw("1: timed out")
		total := 0
		for _, s := range services {
			if len(s.requests) > 1 {
				w.t.Errorf("one of %d members was asked %d times", members, len(s.requests))
			}
			total += len(s.requests)
		}
		if total < min(members, names.MaxRefusals) {
			w.t.Errorf("%d of %d members were asked", total, members)
		}
	}
}

func playTooMany(w *world) {
	service := w.there(0, "service")
	w.pass()
	first := w.here("")
	first.ask(1, "service", "", time.Hour)
	first.ask(2, "service", "", time.Hour)
	w.pass()
	caller := w.here("")
	caller.ask(1, "service", "", time.Hour)
	w.pass()
	service.answer(0, true, "") // makes room for it
	time.Sleep(200 * time.Millisecond)
	w.pass()
	caller.saw()
	service.answer(1, true, "")
	service.answer(2, true, "")
	w.pass()
	first.saw("1: reply ", "2: reply ")
	caller.saw("1: reply ")
}
