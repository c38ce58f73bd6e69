package directory

import (
	"slices"
	"testing"
	"time"

	"github.com/project-iris/iris/overlay/wire"
)

// Who waits for a registration is told when all who watch the name know of it, and not
// later than the news takes: to the owners, from there to those who watch, and back.
func TestConfirmedWhenAllKnow(t *testing.T) {
	forSizes(t, func(t *testing.T, w *world) {
		for _, n := range w.nodes[1:] {
			n.watch(svc)
		}
		w.run(time.Minute)
		n, told := w.nodes[0], false
		n.confirmed = func(uint64) {
			told = true
			if why := w.disagreement(); why != "" {
				t.Error(why)
			}
		}
		n.register(svc)
		n.step(AwaitConfirmation{1})
		if took, ok := w.runUntil(time.Second, func() bool { return told }); !ok || took > 6*time.Millisecond {
			t.Errorf("told %v, after %v", ok, took)
		}
	})
}

// One registration after the other is confirmed at once, as long as there are not many.
func TestConfirmedOneAfterTheOther(t *testing.T) {
	forSizes(t, func(t *testing.T, w *world) {
		n, told := w.nodes[0], 0
		n.confirmed = func(uint64) { told++ }
		begin := w.now
		for i := range 20 {
			n.register(hasher.Topic([]byte{byte(i)}))
			n.step(AwaitConfirmation{uint64(i)})
			w.runUntil(time.Second, func() bool { return told == i+1 })
		}
		if took := w.now.Sub(begin); told != 20 || took > 20*5*time.Millisecond {
			t.Errorf("%d registrations took %v", told, took)
		}
	})
}

// A node that does not answer holds up those who register for a while, and then no more.
func TestASilentNodeIsNotWaitedForLong(t *testing.T) {
	forSizes(t, func(t *testing.T, w *world) {
		if len(w.nodes) == 1 {
			return
		}
		for _, n := range w.nodes {
			n.watch(svc)
		}
		w.run(time.Minute)
		for _, n := range w.nodes[1:] {
			n.paused = w.now.Add(time.Hour)
		}
		n, told := w.nodes[0], 0
		n.confirmed = func(uint64) { told++ }
		n.register(svc)
		n.step(AwaitConfirmation{1})
		w.run(400 * time.Millisecond)
		if told != 0 {
			t.Error("confirmed, though nobody has answered")
		}
		w.run(time.Second)
		if told != 1 {
			t.Error("nobody was told")
		}
		n.step(AwaitConfirmation{2})
		if told != 2 {
			t.Error("a node that has not answered for long is waited for")
		}
		check(t, n.dir)
	})
}

// Nothing is left of a wait that was given up.
func TestWaitsAreGivenUp(t *testing.T) {
	w := newWorld(t, 1, Config{})
	n := w.join(3)[0]
	w.run(time.Second)
	n.confirmed = func(uint64) { t.Error("confirmed after all") }
	n.register(svc)
	n.step(AwaitConfirmation{1})
	check(t, n.dir)
	n.step(StopAwaiting{1})
	check(t, n.dir)
	n.step(StopAwaiting{1}) // to say it twice is fine
	w.run(time.Second)
}

// What has changed comes before the acknowledgement of it.
func TestNewsComesBeforeItsAcknowledgement(t *testing.T) {
	w := newWorld(t, 1, Config{})
	nodes := w.join(2)
	w.run(time.Second)
	nodes[0].watch(svc)
	m := &wire.Update{Epoch: nodes[1].epoch, Sequence: 1 << 20, Reset: true, Complete: true, Registered: []Name{svc}}
	actions := nodes[0].dir.Step(w.now, Received{nodes[1].id, m})
	if len(actions) < 2 {
		t.Fatalf("got %v", actions)
	}
	if _, ok := actions[0].(Changed); !ok {
		t.Errorf("first comes %T", actions[0])
	}
	if !slices.ContainsFunc(actions, func(a Action) bool { s, ok := a.(Send); return ok && s.To == nodes[1].id }) {
		t.Errorf("no acknowledgement in %v", actions)
	}
}
