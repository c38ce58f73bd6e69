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

func (d *downs) NodeUp(transport.PeerID, []byte) {}
func (d *downs) NodeDown(id transport.PeerID)    { d.at[id] = time.Now() }

// A node that is said to be dead and talks stays a member until it was silent for a while;
// one that is said to live again stays; and one that says that it goes is gone at once.
func TestANodeThatTalksIsNotDead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		id := transport.PeerID{1}
		handler := &downs{at: make(map[transport.PeerID]time.Time)}
		m := &Membership{config: Config{Handler: handler}, roster: newRoster(10)}
		r := m.roster
		r.up(id, nil)

		if r.doubt(id) {
			t.Error("a node that was never heard is not believed dead")
		}
		r.heard(id)
		if !r.doubt(id) {
			t.Error("a node that was just heard is believed dead")
		}
		if due, _, wait := r.due(); due != id || wait != 0 {
			t.Errorf("a node that is said to be dead is told in %v", wait)
		}
		r.retry(id)
		for range 5 {
			time.Sleep(talkWindow * 3 / 4)
			r.heard(id)
			if wait := m.lose(); wait != talkWindow || len(handler.at) > 0 {
				t.Fatalf("next look in %v, want %v; lost %v", wait, talkWindow, handler.at)
			}
		}
		r.up(id, nil) // it has objected
		time.Sleep(2 * talkWindow)
		if wait := m.lose(); wait >= 0 || len(handler.at) > 0 {
			t.Errorf("nobody is said to be dead, next look in %v, lost %v", wait, handler.at)
		}

		r.heard(id)
		r.doubt(id)
		time.Sleep(talkWindow)
		if wait := m.lose(); wait >= 0 || !handler.at[id].Equal(time.Now()) {
			t.Errorf("a node that fell silent is lost at %v", handler.at[id])
		}

		r.up(id, nil)
		r.heard(id)
		r.leaves(id)
		if r.doubt(id) {
			t.Error("a node that says that it goes is not believed")
		}
	})
}
