package discovery

import (
	"context"
	"math/rand/v2"
	"time"
)

// pause is how long a source waits before it looks again.
type pause struct {
	alone    time.Duration // while the node knows no other
	together time.Duration
}

// wait waits, half as long less or more at random, so that nodes which started together
// do not look together. A node that is alone all of a sudden looks sooner, and one that
// is to retry at once. It reports whether to go on: not when the context has ended.
func (p pause) wait(ctx context.Context, site Site) bool {
	begin, share := time.Now(), 0.5+rand.Float64()
	retried := site.Retried()
	for {
		changed, wait := site.Changed(), p.together
		if site.Others() == 0 {
			wait = p.alone
		}
		timer := time.NewTimer(time.Until(begin.Add(time.Duration(share * float64(wait)))))
		select {
		case <-timer.C:
			return true
		case <-retried:
			timer.Stop()
			return true
		case <-changed:
			timer.Stop()
		case <-ctx.Done():
			timer.Stop()
			return false
		}
	}
}
