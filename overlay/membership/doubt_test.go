package membership

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/project-iris/iris/transport"
)

// downs is a handler that notes who was lost, and when.
type downs struct {
	at map[transport.PeerID]time.Time
}

func (d *downs) NodeUp(transport.PeerID, []byte)      {}
func (d *downs) NodeDown(id transport.PeerID, _ bool) { d.at[id] = time.Now() }

// A node that is said to be dead stays a member until it was silent for a while, by packets
// and by links; one that is said to live again stays; and one that says that it goes is gone
// at once.
func TestANodeThatTalksIsNotDead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		id := transport.PeerID{1}
		handler := &downs{at: make(map[transport.PeerID]time.Time)}
		var came uint64
		m := &Membership{config: Config{Handler: handler, Received: func(transport.PeerID) uint64 { return came }}, roster: newRoster(10)}
		r := m.roster
		r.up(id, nil)
		doubt := doubtTime(2, 0)

		r.doubt(id, came)
		for range 5 {
			time.Sleep(doubt * 3 / 4)
			r.heard(id)
			if wait := m.lose(); wait != doubt || len(handler.at) > 0 {
				t.Fatalf("next look in %v, want %v; lost %v", wait, doubt, handler.at)
			}
		}
		for range 5 {
			came++
			time.Sleep(doubt)
			if wait := m.lose(); wait != doubt || len(handler.at) > 0 {
				t.Fatalf("next look in %v after bytes, want %v; lost %v", wait, doubt, handler.at)
			}
		}
		r.up(id, nil) // it has objected
		time.Sleep(2 * doubt)
		if wait := m.lose(); wait >= 0 || len(handler.at) > 0 {
			t.Errorf("nobody is said to be dead, next look in %v, lost %v", wait, handler.at)
		}

		r.doubt(id, came)
		time.Sleep(doubt)
		if wait := m.lose(); wait >= 0 || !handler.at[id].Equal(time.Now()) {
			t.Errorf("a node that fell silent is lost at %v", handler.at[id])
		}

		r.up(id, nil)
		r.leaves(id)
		if r.doubt(id, came) {
			t.Error("a node that says that it goes is not believed")
		}
	})
}

// A node is silent for as long in a small network as memberlist's objection and the doubt take
// together, not for much longer in a large one, and for some round trips more.
func TestDoubtTime(t *testing.T) {
	for _, row := range []struct {
		nodes       int
		trip, doubt time.Duration
	}{
		{2, 0, 2500 * time.Millisecond},
		{10, 0, 2500 * time.Millisecond},
		{20, 0, 2799 * time.Millisecond},
		{100, 0, 2100 * time.Millisecond},
		{1000, 0, 1100 * time.Millisecond},
		{4000, 0, time.Second},
		{10, time.Millisecond, 2504 * time.Millisecond},
		{10, 400 * time.Millisecond, 4100 * time.Millisecond},
		{10, time.Minute, 4500 * time.Millisecond},
	} {
		if got := doubtTime(row.nodes, row.trip).Round(time.Millisecond); got != row.doubt {
			t.Errorf("%d nodes, %v away: %v, want %v", row.nodes, row.trip, got, row.doubt)
		}
	}
}

// The round trip that counts is smoothed: one answer by a detour is not what a node needs.
func TestRoundTripsAreSmoothed(t *testing.T) {
	r := newRoster(10)
	id := transport.PeerID{1}
	r.answered(id, time.Second) // nobody knows it
	r.up(id, nil)
	for _, row := range []struct{ trip, want time.Duration }{
		{40 * time.Millisecond, 40 * time.Millisecond},
		{440 * time.Millisecond, 140 * time.Millisecond},
		{20 * time.Millisecond, 110 * time.Millisecond},
	} {
		if r.answered(id, row.trip); r.entries[id].trip != row.want {
			t.Errorf("after %v: %v, want %v", row.trip, r.entries[id].trip, row.want)
		}
	}
}
