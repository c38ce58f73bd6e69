package overlay

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/project-iris/iris/overlay/directory"
)

// confirmTimeout is how long a member waits at most until other nodes know of it. A node
// that says nothing for so long is about to be found dead, and a binding that waits for
// its INIT must not take this one for dead meanwhile.
const confirmTimeout = 500 * time.Millisecond

// confirmations are those who wait until what this node has registered is known to the
// others. The lock of the directory guards waiting.
type confirmations struct {
	last    atomic.Uint64 // token
	waiting map[uint64]chan<- struct{}
}

// AwaitConfirmation returns when all nodes that can send to the member know of the
// cluster that it serves and the topics that it has subscribed to before the call: what
// they send from then on reaches it. It returns after half a second at the latest, which
// Stats.Unconfirmed counts, or with the context.
func (m *Member) AwaitConfirmation(ctx context.Context) {
	n := m.overlay.net
	if n == nil {
		return
	}
	token, done := n.confirmations.last.Add(1), make(chan struct{})
	n.stepChanges(func() directory.Event {
		n.confirmations.waiting[token] = done
		return directory.AwaitConfirmation{Token: token}
	})
	timer := time.NewTimer(confirmTimeout)
	defer timer.Stop()
	select {
	case <-done:
		return
	case <-timer.C:
		m.overlay.counters.unconfirmed.Add(1)
	case <-ctx.Done():
	}
	n.stepChanges(func() directory.Event {
		delete(n.confirmations.waiting, token)
		return directory.StopAwaiting{Token: token}
	})
}

// confirmed lets one who waits go on. The lock of the directory is held.
func (c *confirmations) confirmed(token uint64) {
	if done := c.waiting[token]; done != nil {
		close(done)
		delete(c.waiting, token)
	}
}
