package membership

import (
	"context"
	"errors"
	"sync/atomic"
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
		r.up(id, []byte("elsewhere"))
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
		if mean := Remember / time.Duration(tries); mean < healMax*9/10 || mean > healMax*11/10 {
			t.Errorf("tried every %v, want about %v", mean, healMax)
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
		r.leaves(id)
		r.down(id)
		if _, _, wait := r.due(); wait >= 0 {
			t.Error("a node that was lost once, came back and left is tried")
		}
		r.up(id, nil)
		r.leaves(id)
		r.up(id, nil)
		r.down(id)
		if _, _, wait := r.due(); wait <= 0 {
			t.Error("a node that said it left, objected, and was lost is not tried")
		}
		r.up(id, nil)
		r.forget(id)
		if _, up := r.state(id); !up {
			t.Error("a member was forgotten")
		}
	})
}

func TestTheRosterIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRoster(10)
		a, b, c := transport.PeerID{1}, transport.PeerID{2}, transport.PeerID{99}
		r.up(a, nil)
		for i := range byte(9) { // b is the first of them
			r.up(transport.PeerID{i + 2}, nil)
			r.down(transport.PeerID{i + 2})
			time.Sleep(time.Second)
		}
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
			t.Error("the one that is dead for the longest time is still known")
		}
		if len(r.entries) != 9 {
			t.Errorf("%d are known, want all others", len(r.entries))
		}
	})
}

func TestWhoWaitsLongestIsTriedFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRoster(10)
		for i := range byte(10) {
			r.up(transport.PeerID{i + 1}, nil)
		}
		for i := range byte(10) {
			r.down(transport.PeerID{i + 1})
			time.Sleep(time.Second)
		}
		for i := range byte(10) {
			if id, _, wait := r.due(); wait != 0 || id != (transport.PeerID{i + 1}) {
				t.Errorf("try %d is for %s, in %v", i, id.Short(), wait)
			}
		}
	})
}

// TestTriesAreSharedAmongMembers: the more they are, the less each of them tries.
func TestTriesAreSharedAmongMembers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRoster(10)
		for i := range byte(10) {
			r.up(transport.PeerID{i + 1}, nil)
		}
		r.down(transport.PeerID{1})
		for _, row := range []struct{ others, tries int }{{9, 360}, {5, 600}} {
			for i := row.others + 1; i < 10; i++ {
				r.leaves(transport.PeerID{byte(i + 1)})
				r.down(transport.PeerID{byte(i + 1)})
			}
			tries := 0
			for begin := time.Now(); time.Since(begin) < time.Hour; {
				if id, _, wait := r.due(); wait == 0 {
					r.retry(id)
					tries++
				} else {
					time.Sleep(wait)
				}
			}
			if tries < row.tries*9/10 || tries > row.tries*11/10 {
				t.Errorf("%d others: %d tries in an hour, want about %d", row.others, tries, row.tries)
			}
		}
	})
}

// TestTriesAreBounded in number and time, and end with the membership.
func TestTriesAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var tries, running, most atomic.Int64
		m := &Membership{roster: newRoster(10)}
		m.ctx, m.cancel = context.WithCancel(t.Context())
		m.config.Reach = func(ctx context.Context, _ transport.PeerID, _ []byte) error {
			tries.Add(1)
			most.Store(max(most.Load(), running.Add(1)))
			defer running.Add(-1)
			<-ctx.Done()
			return ctx.Err()
		}
		for i := range byte(10) {
			r := m.roster
			r.up(transport.PeerID{i + 1}, nil)
			r.down(transport.PeerID{i + 1})
		}
		m.work.Go(m.heal)
		time.Sleep(time.Minute)
		if most.Load() != healers {
			t.Errorf("%d tries at once, want %d", most.Load(), healers)
		}
		if n, want := tries.Load(), int64(healers*time.Minute/healTimeout); n < want*9/10 || n > want {
			t.Errorf("%d tries in a minute, want about %d", n, want)
		}
		begin := time.Now()
		m.cancel()
		m.work.Wait()
		if took := time.Since(begin); took > 0 {
			t.Errorf("they end %v after the membership", took)
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
