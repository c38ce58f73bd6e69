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

		r.doubt(id, came)
		for range 5 {
			time.Sleep(doubtTime * 3 / 4)
			r.heard(id)
			if wait := m.lose(); wait != doubtTime || len(handler.at) > 0 {
				t.Fatalf("next look in %v, want %v; lost %v", wait, doubtTime, handler.at)
			}
		}
		for range 5 {
			came++
			time.Sleep(doubtTime)
			if wait := m.lose(); wait != doubtTime || len(handler.at) > 0 {
				t.Fatalf("next look in %v after bytes, want %v; lost %v", wait, doubtTime, handler.at)
			}
		}
		r.up(id, nil) // it has objected
		time.Sleep(2 * doubtTime)
		if wait := m.lose(); wait >= 0 || len(handler.at) > 0 {
			t.Errorf("nobody is said to be dead, next look in %v, lost %v", wait, handler.at)
		}

		r.doubt(id, came)
		time.Sleep(doubtTime)
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
