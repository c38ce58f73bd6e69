package overlay

import (
	"context"
	"time"
)

// stragglerTime is how long after members have left other nodes may take to hear of it,
// besides two round trips of the link.
const stragglerTime = 250 * time.Millisecond

// awaitStragglers waits until what other nodes have sent to members here, before they
// heard that these left at the given time, has come and was sent back: a link that is
// closed before may lose it on its way.
func (n *network) awaitStragglers(ctx context.Context, left time.Time) error {
	var slowest time.Duration
	links := n.overlay.links.all()
	if len(links) == 0 {
		return nil
	}
	for _, r := range links {
		slowest = max(slowest, r.Peer().Link().Stats().RTT)
	}
	timer := time.NewTimer(time.Until(left.Add(stragglerTime + 2*slowest)))
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
