package membership

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/project-iris/iris/transport"
)

// TestALostNodeIsTriedForADay, by one node alone every few seconds.
func TestALostNodeIsTriedForADay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRoster(10)
		id := transport.PeerID{1}
		r.up(id, []byte("there"))
		if _, _, wait := r.due(); wait >= 0 {
			t.Errorf("a member is to be tried in %v", wait)
		}
		begin := time.Now()
		r.down(id)
		tries, last := 0, begin
		for {
			due, meta, wait := r.due()
			if wait < 0 {
				break
			}
			if wait > 0 {
				time.Sleep(wait)
				continue
			}
			if due != id || string(meta) != "there" {
				t.Fatalf("try %v at %q", due, meta)
			}
			if gap := time.Since(last); gap > 3*time.Second || gap < healMin/2 {
				t.Fatalf("try %d comes after %v", tries, gap)
			}
			if _, _, wait := r.due(); wait >= 0 {
				t.Fatal("two tries for one node at once")
			}
			tries, last = tries+1, time.Now()
			r.retry(id)
		}
		if age := time.Since(begin); age < Remember-3*time.Second || age > Remember+3*time.Second {
			t.Errorf("tried %d times, until %v", tries, age)
		}
		if known, _ := r.state(id); known {
			t.Error("not forgotten after its time")
		}
	})
}

func TestWhoLeavesIsNotTried(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRoster(10)
		id := transport.PeerID{1}
		r.leaves(id) // is not known yet
		r.up(id, nil)
		r.leaves(id)
		r.down(id)
		if _, _, wait := r.due(); wait >= 0 {
			t.Error("a node that left is tried")
		}
		r.up(id, nil)
		r.leaves(id)
		time.Sleep(leaveWindow)
		r.down(id)
		if _, _, wait := r.due(); wait <= 0 {
			t.Error("a node that said it left, stayed, and was lost is not tried")
		}
		r.up(id, nil)
		if _, _, wait := r.due(); wait >= 0 {
			t.Error("a member is tried")
		}
		r.forget(id)
		if _, up := r.state(id); !up {
			t.Error("a member was forgotten")
		}
	})
}

func TestTheRosterIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRoster(2)
		a, b, c := transport.PeerID{1}, transport.PeerID{2}, transport.PeerID{3}
		r.up(a, nil)
		r.up(b, nil)
		r.down(b)
		if err := r.admit(c); !errors.Is(err, errFull) {
			t.Errorf("a node too many: %v", err)
		}
		if err := r.admit(a); err != nil {
			t.Errorf("a node that is known: %v", err)
		}
		time.Sleep(keepDead + time.Second)
		if err := r.admit(c); err != nil {
			t.Errorf("in the place of a dead one: %v", err)
		}
		if known, _ := r.state(b); known {
			t.Error("the dead one is still known")
		}
	})
}

// state reports whether a node is known, and whether it is up.
func (r *roster) state(id transport.PeerID) (known, up bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	e := r.entries[id]
	return e != nil, e != nil && e.up
}
