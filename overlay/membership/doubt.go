package membership

import (
	"time"

	"github.com/project-iris/iris/transport"
)

// talkWindow is how recently a node has to have been heard not to be believed dead,
// whatever others say. It is less than a suspicion takes, so that a node that falls
// silent is not believed to live any longer for it.
const talkWindow = time.Second

// heard notes that a node has said something, whatever it was.
func (r *roster) heard(id transport.PeerID) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if e := r.entries[id]; e != nil {
		e.heard = time.Now()
	}
}

// doubt reports whether a member that is said to be dead was heard too recently to
// believe that. It stays a member until it is silent, or memberlist knows better: it is
// told at once what is said of it, as one that was lost is, and objects. One that goes in
// good order says so itself.
func (r *roster) doubt(id transport.PeerID) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	e := r.entries[id]
	now := time.Now()
	if e == nil || !e.up || now.Sub(e.left) < leaveWindow || now.Sub(e.heard) >= talkWindow {
		return false
	}
	e.doubted = true
	e.wait, e.next = healMin, now // to compare lists tells it at once, and gossip by chance
	r.wake()
	return true
}

// silent returns a member that is said to be dead and has fallen silent, or else how long
// it takes until one may have: negative if there is none to wait for.
func (r *roster) silent() (id transport.PeerID, wait time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := time.Now()
	wait = -1
	for other, e := range r.entries {
		if !e.up || !e.doubted {
			continue
		}
		left := e.heard.Add(talkWindow).Sub(now)
		if left <= 0 {
			return other, 0
		}
		if wait < 0 || left < wait {
			wait = left
		}
	}
	return id, wait
}

// doubted reports whether a member is said to be dead and was not believed to be.
func (r *roster) doubted(id transport.PeerID) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	e := r.entries[id]
	return e != nil && e.up && e.doubted
}

// lose takes members out that are said to be dead and have fallen silent, and returns
// how long it takes until another may have.
func (m *Membership) lose() time.Duration {
	for {
		id, wait := m.roster.silent()
		if wait != 0 {
			return wait
		}
		m.change(func() {
			if m.roster.doubted(id) { // and nobody has said meanwhile that it lives
				m.down(id)
			}
		})
	}
}
