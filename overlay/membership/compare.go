package membership

import (
	"math/rand/v2"
	"time"

	"github.com/project-iris/iris/transport"
)

// compareAfter is when a node compares its list with that of another one after it has come
// into a network. Of those that come at the same time some may not hear of each other, as
// memberlist tells news so and so often and no more; it compares lists twice a minute itself,
// which they would have to wait for.
var compareAfter = []time.Duration{2 * time.Second, 4 * time.Second, 8 * time.Second}

// compare compares lists some times, with any node each time.
func (m *Membership) compare() {
	for _, wait := range compareAfter {
		if sleep(m.ctx, wait/2+rand.N(wait)) != nil {
			return
		}
		if id, ok := m.roster.any(); ok {
			if err := m.Join(id); err != nil {
				m.config.Logger.Debug("membership: lists are not compared", "peer", id.Short(), "err", err)
			}
		}
	}
}

// any returns a member.
func (r *roster) any() (transport.PeerID, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	skip := rand.N(max(r.members, 1))
	for id, e := range r.entries {
		if e.up && !e.doubted {
			if skip--; skip < 0 {
				return id, true
			}
		}
	}
	return transport.PeerID{}, false
}
