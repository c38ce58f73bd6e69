package names

import (
	"flag"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

var (
	seeds     = flag.Int("seeds", 100, "how many histories TestHistories runs")
	firstSeed = flag.Uint64("seed", 1, "the seed of the first")
)

// Random histories: members come, leave, go and are busy, links are cut and made again, and
// a node drains, while requests, broadcasts and events are under way. Whatever was, each
// request has one answer by its deadline and ran once at most, each receiver got a message
// once at most and in order, and when the network is calm everybody reaches everybody. A
// history that fails is replayed by
//
//	go test ./overlay/names -run TestHistories -seeds 1 -seed N
func TestHistories(t *testing.T) {
	for i := range *seeds {
		seed := *firstSeed + uint64(i)
		if !t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) { play(t, seed) }) {
			t.Fatalf("replay with: go test ./overlay/names -run TestHistories -seeds 1 -seed %d", seed)
		}
	}
}

func play(t *testing.T, seed uint64) {
	w := newWorld(t, seed, 0)
	w = newWorld(t, seed, 1+w.random.IntN(9)) // larger than everywhere, or not
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("history of seed %d:\n%s", seed, &w.log)
		}
	})
	for range 80 {
		w.happen()
		w.run(time.Duration(w.random.Int64N([]int64{1, 1, int64(3 * time.Millisecond), int64(100 * time.Millisecond), int64(3 * time.Second)}[w.random.IntN(5)])))
	}
	w.calm()
	w.check()
	w.everybodyReachesEverybody()
	w.whoWaitsIsServed()
	w.check()
	w.leave()
}

func (w *world) pick(names ...string) string { return names[w.random.IntN(len(names))] }

// someone returns a member that is there, or nil.
func (w *world) someone() *member {
	n := w.nodes[w.random.IntN(len(w.nodes))]
	there := slices.DeleteFunc(slices.Clone(n.members), func(m *member) bool { return m.gone })
	if len(there) == 0 {
		return nil
	}
	return there[w.random.IntN(len(there))]
}

// happen makes one thing happen.
func (w *world) happen() {
	n, m := w.nodes[w.random.IntN(len(w.nodes))], w.someone()
	action := w.random.IntN(20)
	if m == nil || action < 3 {
		if !n.draining {
			n.attach(w.pick("", "a", "a", "b")).hasty = w.random.IntN(4) == 0
		}
		return
	}
	switch action {
	case 3:
		m.detach()
	case 4:
		m.leave()
	case 5:
		m.setBusy(!m.busy)
	case 6, 7, 8, 9, 10:
		m.ask(w.pick("a", "a", "b", "nobody"), time.Duration(w.random.Int64N(int64(5*time.Second))))
	case 11, 12:
		m.publish(true, w.pick("a", "b", "nobody"))
	case 13, 14:
		m.publish(false, w.pick("x", "y"))
	case 15:
		m.subscribe(w.pick("x", "y", "z", "much"))
	case 16:
		m.unsubscribe(w.pick("x", "y"))
	case 17, 18:
		w.toggle(n, w.nodes[w.random.IntN(len(w.nodes))])
	case 19:
		w.note("%v sweeps", n)
		n.names.Sweep()
		n.settle()
		if w.random.IntN(10) == 0 && n.number > 0 {
			n.drain()
		}
	}
}

// calm makes all links, and lets all be answered.
func (w *world) calm() {
	w.note("calm")
	for i, a := range w.nodes {
		for _, b := range w.nodes[:i] {
			if w.links[[2]*node{a, b}].cut {
				w.toggle(a, b)
			}
		}
		for _, m := range a.members {
			m.setBusy(false)
		}
	}
	w.run(20 * time.Second)
}

// check holds what happened against what is promised.
func (w *world) check() {
	for _, c := range w.calls {
		switch {
		case c.answer == "":
			w.t.Errorf("%v has no answer", c)
		case c.answered.After(c.deadline):
			w.t.Errorf("%v is answered %v after its deadline", c, c.answered.Sub(c.deadline))
		case c.answer == "reply" && c.runs != 1:
			w.t.Errorf("%v has a reply and ran %d times", c, c.runs)
		case (c.answer == "draining" || c.answer == "overloaded" || c.answer == "nobody") && c.runs > 0:
			w.t.Errorf("%v is answered with %q and ran", c, c.answer)
		}
	}
	for _, n := range w.nodes {
		for _, m := range n.members {
			for key, got := range m.got {
				if !slices.IsSorted(got) || len(slices.Compact(slices.Clone(got))) != len(got) {
					w.t.Errorf("%v got of %s: %v", m, key, got)
				}
			}
		}
		if s := n.names.Stats(); s.Held != 0 || s.UnderWay != 0 {
			w.t.Errorf("%v still has %+v", n, s)
		}
	}
}

// everybodyReachesEverybody sends from each node to each name, in a calm network.
func (w *world) everybodyReachesEverybody() {
	serving := make(map[string][]*member) // by cluster, or topic after a dash
	for _, n := range w.nodes {
		for _, m := range n.members {
			if !m.gone && m.cluster != "" {
				serving[m.cluster] = append(serving[m.cluster], m)
			}
			for topic := range m.topics {
				if !m.gone {
					serving["-"+topic] = append(serving["-"+topic], m)
				}
			}
		}
	}
	for _, n := range w.nodes {
		if n.draining {
			continue
		}
		sender := n.attach("")
		w.run(time.Second)
		for _, name := range []string{"a", "b", "-x", "-y", "-z"} {
			topic := name[0] == '-'
			sent := sender.publish(!topic, strings.TrimPrefix(name, "-"))
			w.run(time.Second)
			for _, m := range serving[name] {
				if !slices.Contains(m.got[sent.key], sent.number) {
					w.t.Errorf("%v did not get what %v sent to %s", m, n, name)
				}
			}
			if topic {
				continue
			}
			c := sender.ask(name, 2*time.Second)
			w.run(5 * time.Second)
			if want := map[bool]string{true: "reply", false: "timed out"}[len(serving[name]) > 0]; c.answer != want {
				w.t.Errorf("a request of %v to %s has the answer %q, want %q", n, name, c.answer, want)
			}
		}
	}
}

// whoWaitsIsServed lets requests, and who is no request, wait for members that come, here
// or elsewhere, and for a link.
func (w *world) whoWaitsIsServed() {
	up := slices.DeleteFunc(slices.Clone(w.nodes), func(n *node) bool { return n.draining })
	for i, n := range up {
		other := up[w.random.IntN(len(up))]
		late := fmt.Sprint("late ", i)
		woken := false
		n.names.Wait(w.now, nil, []byte(late), func() { woken = true })
		n.settle()
		sender := n.attach("")
		c := sender.ask(late, 3*time.Second)
		w.run(time.Duration(w.random.Int64N(int64(time.Second))))
		other.attach(late)
		w.run(100 * time.Millisecond)
		if c.answer != "reply" || !woken {
			w.t.Errorf("%v waits for a member of %v: answer %q, woken %v", n, other, c.answer, woken)
		}
		if n == other {
			continue
		}
		w.toggle(n, other)
		c = sender.ask(late, 9*time.Second)
		w.run(time.Second)
		w.toggle(n, other)
		w.run(100 * time.Millisecond)
		if c.answer != "reply" {
			w.t.Errorf("%v waits for a link to %v: answer %q", n, other, c.answer)
		}
	}
}

// leave lets all members go, after which nothing is left of them.
func (w *world) leave() {
	for _, n := range w.nodes {
		for _, m := range n.members {
			if !m.gone {
				m.detach()
			}
		}
		n.names.Sweep()
		n.names.Sweep()
		n.settle()
		if s := n.names.Stats(); s != (Stats{PlacesFull: s.PlacesFull, Delivered: s.Delivered}) {
			w.t.Errorf("%v keeps %+v", n, s)
		}
	}
}
