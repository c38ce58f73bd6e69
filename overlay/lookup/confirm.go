package lookup

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/project-iris/iris/overlay/directory"
)

// confirmTimeout is how long somebody waits at most until other nodes know of a name. A node
// that says nothing for so long is about to be found dead, and a binding that waits for its
// INIT must not take this one for dead meanwhile.
const confirmTimeout = 500 * time.Millisecond

// confirmations are those who wait until what this node has registered is known to the
// others. The lock of the directory guards waiting.
type confirmations struct {
	last    atomic.Uint64 // token
	waiting map[uint64]chan<- bool
}

// AwaitConfirmation returns when all nodes that can send to this one know of the names that
// its members served and were subscribed to before the call. It returns after half a second at
// the latest, or with the context, and reports whether they know.
func (l *Lookup) AwaitConfirmation(ctx context.Context) bool {
	if l.alone() {
		return true
	}
	token, done := l.confirmations.last.Add(1), make(chan bool, 1)
	l.stepChanges(func() directory.Event {
		l.confirmations.waiting[token] = done
		return directory.AwaitConfirmation{Token: token}
	})
	ctx, cancel := context.WithTimeout(ctx, confirmTimeout)
	defer cancel()
	select {
	case all := <-done:
		return all
	case <-ctx.Done():
	}
	l.stepChanges(func() directory.Event {
		delete(l.confirmations.waiting, token)
		return directory.StopAwaiting{Token: token}
	})
	return false
}

// confirmed lets one who waits go on, and says whether all nodes have confirmed. The directory
// is locked.
func (c *confirmations) confirmed(token uint64, all bool) {
	if done := c.waiting[token]; done != nil {
		done <- all
		delete(c.waiting, token)
	}
}
