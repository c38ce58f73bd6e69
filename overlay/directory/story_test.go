package directory

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/project-iris/iris/transport"
)

var (
	svc   = hasher.Cluster([]byte("svc"))
	other = hasher.Cluster([]byte("other"))
)

// sizes are networks in which everybody knows everything, just does, just does not,
// and in which owners know.
var sizes = []int{2, 3, 16, 17, 20, 21, 22, 60}

func forSizes(t *testing.T, story func(t *testing.T, w *world)) {
	for _, n := range sizes {
		t.Run(fmt.Sprintf("%d nodes", n), func(t *testing.T) {
			w := newWorld(t, uint64(n), Config{})
			w.join(n)
			w.run(time.Minute)
			story(t, w)
			for _, n := range w.nodes {
				if n.dir != nil {
					check(t, n.dir)
				}
			}
		})
	}
}

// Everybody sends to a cluster; a member comes, and goes in good order.
func TestMemberComesAndGoes(t *testing.T) {
	forSizes(t, func(t *testing.T, w *world) {
		for _, n := range w.nodes {
			n.watch(svc)
		}
		w.run(time.Minute)
		w.mustStay(0) // nobody serves it, and everybody knows

		w.nodes[0].register(svc)
		took := w.mustAgree(100 * time.Millisecond)
		if limit := 2 * w.delay(); took > limit {
			t.Errorf("known after %v, want %v", took, limit)
		}
		w.mustStay(5 * time.Minute)

		w.nodes[0].unregister(svc)
		if took := w.mustAgree(100 * time.Millisecond); took > 2*w.delay() {
			t.Errorf("forgotten after %v", took)
		}
		w.mustStay(5 * time.Minute)
	})
}

// What is new to the first update of a stream is known after two messages; so is
// what comes right behind it, and gathers for a moment.
func TestMembersCloseTogether(t *testing.T) {
	forSizes(t, func(_ *testing.T, w *world) {
		w.delay = func() time.Duration { return 10 * time.Millisecond }
		for i, n := range w.nodes {
			n.watch(svc)
			n.watch(other)
			if i%2 == 0 {
				n.register(svc)
			}
		}
		w.mustAgree(100 * time.Millisecond)
		for _, n := range w.nodes {
			n.unregister(svc)
			n.register(other)
			w.run(time.Millisecond)
		}
		w.mustAgree(100 * time.Millisecond)
	})
}

// The first look at a name is an answer already where everybody knows everything,
// and a moment later where owners know.
func TestFirstLookup(t *testing.T) {
	forSizes(t, func(t *testing.T, w *world) {
		w.nodes[0].register(svc)
		w.run(time.Second)
		caller := w.nodes[len(w.nodes)-1]
		if nodes, known := caller.dir.Lookup(svc); nodes != nil || known {
			t.Errorf("a name that nobody watches is %v, %v", nodes, known)
		}
		caller.watch(svc)
		took := w.mustAgree(100 * time.Millisecond)
		if len(w.nodes) <= 16 && took != 0 {
			t.Errorf("known after %v, want at once", took)
		}
		if c := caller.changed[svc]; len(c.Nodes) != 1 || !c.Known {
			t.Errorf("was told %+v", c)
		}
	})
}

// Members disappear with their node as soon as membership says so, and come back
// with it, whether it is started anew or was only out of reach.
func TestNodeDiesAndReturns(t *testing.T) {
	forSizes(t, func(_ *testing.T, w *world) {
		for _, n := range w.nodes {
			n.watch(svc)
			n.register(svc)
		}
		w.mustAgree(100 * time.Millisecond)
		victim := w.nodes[len(w.nodes)/2]
		victim.kill()
		w.run(0)
		w.mustStay(time.Minute)
		victim.start()
		w.mustAgree(100 * time.Millisecond)

		w.split(1, victim)
		w.mustAgree(0)
		w.mustStay(time.Minute)
		w.heal()
		w.mustAgree(100 * time.Millisecond)
		w.mustStay(3 * time.Minute)
	})
}

// All owners of a name change, one after the other, and at no time does anybody miss
// a member.
func TestOwnersChange(t *testing.T) {
	w := newWorld(t, 1, Config{})
	w.join(40)
	w.run(0)
	for _, n := range w.nodes[:10] {
		n.register(svc)
	}
	for _, n := range w.nodes {
		n.watch(svc)
	}
	w.mustAgree(100 * time.Millisecond)
	for round := range 12 {
		owners := w.nodes[len(w.nodes)-1].dir.Owners(svc)
		victim := w.byID[owners[round%len(owners)]]
		if victim.registered[svc] {
			victim.unregister(svc)
			w.mustAgree(100 * time.Millisecond)
		}
		victim.kill()
		w.run(0) // until membership has said so
		w.mustStay(time.Second)
		w.join(1)
		w.nodes[len(w.nodes)-1].watch(svc)
		w.mustAgree(100 * time.Millisecond)
	}
	w.mustStay(2 * time.Minute)
}

// Two of three owners die at the same moment, and the new ones know nothing yet. The
// third is still believed.
func TestTwoOwnersDieAtOnce(t *testing.T) {
	w := newWorld(t, 1, Config{})
	w.join(40)
	w.run(0)
	owners := w.nodes[0].dir.Owners(svc)
	for _, n := range w.nodes {
		n.watch(svc)
		if n.id != owners[0] && n.id != owners[1] {
			n.register(svc)
		}
	}
	w.mustAgree(100 * time.Millisecond)
	w.run(time.Minute)
	w.byID[owners[0]].dir, w.byID[owners[1]].dir = nil, nil
	w.shift()
	w.run(0)
	w.mustStay(time.Minute)
}

// A network grows from one node to sixty and shrinks again, through all the ways of
// knowing, and nobody misses a member at any time.
func TestNetworkGrowsAndShrinks(t *testing.T) {
	w := newWorld(t, 1, Config{})
	first := w.join(1)[0]
	first.register(svc)
	first.watch(svc)
	for len(w.nodes) < 60 {
		n := w.join(1)[0]
		n.watch(svc)
		w.mustAgree(100 * time.Millisecond)
		w.mustStay(time.Second)
	}
	for _, n := range w.nodes[1:] {
		n.kill()
		w.run(0)
		w.mustStay(3 * time.Second)
		check(t, first.dir)
	}
}

// A small network finds a larger one, so that its names are no longer everywhere.
func TestSplitHeals(t *testing.T) {
	for _, sides := range [][2]int{{2, 3}, {6, 6}, {5, 25}, {12, 12}, {30, 30}} {
		t.Run(fmt.Sprint(sides), func(t *testing.T) {
			w := newWorld(t, 1, Config{})
			w.notice = func() time.Duration { return time.Duration(w.random.Int64N(int64(time.Second))) }
			w.join(sides[0] + sides[1])
			for i, n := range w.nodes {
				n.watch(svc)
				if i%3 == 0 {
					n.register(svc)
				}
			}
			w.run(time.Minute)
			for range 3 {
				w.split(1, w.nodes[:sides[0]]...)
				w.mustAgree(1100 * time.Millisecond)
				w.nodes[0].unregister(svc)
				w.nodes[1].register(svc)
				w.run(time.Minute)
				w.mustAgree(0)
				w.heal()
				w.mustAgree(1100 * time.Millisecond)
				w.mustStay(3 * time.Minute)
				w.nodes[1].unregister(svc)
				w.nodes[0].register(svc)
				w.mustAgree(100 * time.Millisecond)
			}
		})
	}
}

// A link breaks with a registration on it. The new link is enough for the loss to be
// found, and without one it is found soon.
func TestRegistrationIsLost(t *testing.T) {
	for _, links := range []bool{true, false} {
		forSizes(t, func(t *testing.T, w *world) {
			for _, n := range w.nodes {
				n.watch(svc)
				n.register(other)
			}
			w.run(time.Minute)
			w.loss = 1
			w.nodes[0].register(svc)
			w.run(100 * time.Millisecond)
			w.loss = 0
			limit := 600 * time.Millisecond
			if links {
				limit = 10 * time.Millisecond
				for _, n := range w.nodes[1:] {
					w.nodes[0].step(Connected{n.id})
				}
			}
			// Owners lose what they tell as well, when they know of it themselves.
			if took := w.mustAgree(2 * time.Second); took > limit {
				t.Errorf("known after %v, want %v", took, limit)
			}
		})
	}
}

// Membership is slower than links: what a node says is heard before anybody knows
// that it is a member.
func TestSpeaksBeforeItIsKnown(t *testing.T) {
	forSizes(t, func(_ *testing.T, w *world) {
		for _, n := range w.nodes {
			n.watch(svc)
		}
		w.run(time.Minute)
		w.notice = func() time.Duration { return time.Second }
		n := w.join(1)[0]
		n.register(svc)
		w.notice = func() time.Duration { return 0 }
		n.look() // it knows the others at once
		w.run(999 * time.Millisecond)
		w.run(time.Millisecond)
		w.mustAgree(10 * time.Millisecond)
	})
}

// A node stops for longer than its lease, as by SIGSTOP, and goes on.
func TestNodeStopsForLong(t *testing.T) {
	forSizes(t, func(_ *testing.T, w *world) {
		for _, n := range w.nodes {
			n.watch(svc)
		}
		w.nodes[0].register(svc)
		w.run(time.Minute)
		w.nodes[0].paused = w.now.Add(5 * time.Minute)
		w.run(4 * time.Minute)
		for _, n := range w.nodes[1:] {
			if nodes, _ := n.dir.Lookup(svc); len(nodes) > 0 {
				w.t.Errorf("%v still names %v after the lease", n.id, nodes)
			}
		}
		w.run(time.Minute)
		w.mustAgree(100 * time.Millisecond)
	})
}

// The clock of the caller jumps back, and then far ahead: nothing is lost but what a
// lease in the past would lose as well.
func TestClockJumps(t *testing.T) {
	d := New(Config{Self: nodeID(0), Epoch: 1})
	d.Step(start, Watch{svc})
	d.Step(start.Add(-time.Hour), Register{other})
	if at, ok := d.Next(); ok && at.Before(start) {
		t.Errorf("next tick at %v", at)
	}
	d.Step(start.Add(1000*time.Hour), Tick{})
	check(t, d)
}

// Membership takes a node for dead at one other only, and for a moment. Neither
// notices anything else, and what they said to each other is there again at once.
func TestOneSidedSuspicion(t *testing.T) {
	forSizes(t, func(_ *testing.T, w *world) {
		for _, n := range w.nodes {
			n.watch(svc)
			n.register(svc)
		}
		w.run(time.Minute)
		n := w.nodes[0]
		members := n.dir.members
		for _, m := range members.all() {
			if m.ID != n.id {
				n.step(Membership{members.Without(m.ID)})
				w.run(time.Second)
				n.step(Membership{members})
				w.mustAgree(100 * time.Millisecond)
			}
		}
	})
}

// A name is watched again before anybody has heard that it was not.
func TestWatchedAgainAtOnce(t *testing.T) {
	forSizes(t, func(_ *testing.T, w *world) {
		caller := w.nodes[1]
		w.nodes[0].register(svc)
		caller.watch(svc)
		w.run(time.Minute)
		caller.register(other) // whatever follows has to gather for a moment
		caller.unwatch(svc)
		caller.watch(svc)
		w.mustAgree(100 * time.Millisecond)
		caller.unwatch(svc)
		w.run(time.Millisecond)
		caller.watch(svc)
		w.mustAgree(100 * time.Millisecond)
		w.mustStay(time.Minute)
	})
}

// A small network, where everybody knows everything, finds a larger one, and nobody
// misses for a moment what he knew.
func TestNothingIsLostByHealing(t *testing.T) {
	w := newWorld(t, 1, Config{})
	w.join(60)
	w.run(0)
	w.split(1, w.nodes[:8]...)
	for i, n := range w.nodes {
		n.watch(svc)
		if i%3 == 0 {
			n.register(svc)
		}
	}
	w.run(time.Minute)
	w.mustAgree(0)
	knew := make([][]transport.PeerID, len(w.nodes))
	for i, n := range w.nodes {
		knew[i], _ = n.dir.Lookup(svc)
	}
	w.heal()
	_, missed := w.runUntil(time.Minute, func() bool {
		for i, n := range w.nodes {
			knows, _ := n.dir.Lookup(svc)
			for _, id := range knew[i] {
				if !slices.Contains(knows, id) {
					return true
				}
			}
		}
		return false
	})
	if missed {
		t.Error("somebody has missed a member")
	}
	w.mustAgree(0)
}

// What changes without a pause is passed on in pieces.
func TestRestlessMember(t *testing.T) {
	forSizes(t, func(t *testing.T, w *world) {
		for _, n := range w.nodes[1:] {
			n.watch(svc)
		}
		w.run(time.Minute)
		before := w.nodes[0].dir.stats.Updates
		for range 500 {
			w.nodes[0].register(svc)
			w.run(time.Millisecond)
			w.nodes[0].unregister(svc)
			w.run(time.Millisecond)
		}
		sent := int(w.nodes[0].dir.stats.Updates - before)
		if limit := (52 + burst) * len(w.nodes); sent > limit {
			t.Errorf("%d updates in a second, at most %d are necessary", sent, limit)
		}
		w.mustAgree(100 * time.Millisecond)
	})
}
