package remote

import (
	"context"
	"time"

	"github.com/project-iris/iris/overlay/wire"
	"github.com/project-iris/iris/transport"
)

// A node that is waited for is asked whether it lives when nothing has come from it for a
// while, and its link is given up when nothing comes at all: links that nobody waits for find
// out slowly, and say little.
const (
	// watchEvery is how often links are looked at that something is waited for on. A node of
	// which nothing has come since the last look is asked.
	watchEvery = 100 * time.Millisecond
	// giveUpAfter is after how much silence a link is given up, or after giveUpTrips round
	// trips where that is more.
	giveUpAfter = time.Second
	giveUpTrips = 4
	// lateLook is how late a look is that says that this node itself has been held up: what
	// has come meanwhile is not read yet.
	lateLook = 3 * watchEvery
)

var errSilent = &transport.NetworkError{Op: "link", Silent: true}

// Watch gives links up on which something is waited for, and nothing comes. The zero Watch is
// not ready: see NewWatch.
type Watch struct{ asked chan struct{} }

// NewWatch returns a watch, which [Watch.Run] has to run.
func NewWatch() *Watch { return &Watch{asked: make(chan struct{}, 1)} }

// poke says that something is waited for.
func (w *Watch) poke() {
	select {
	case w.asked <- struct{}{}:
	default:
	}
}

// Run watches the links of a table until the context ends. It rests while nothing is waited
// for.
func (w *Watch) Run(ctx context.Context, links *Table) {
	seen := make(map[*Remote]sight)
	for {
		select {
		case <-w.asked:
		case <-ctx.Done():
			return
		}
		w.watch(ctx, links, seen)
		clear(seen)
	}
}

// watch looks again and again, until nothing is waited for.
func (w *Watch) watch(ctx context.Context, links *Table, seen map[*Remote]sight) {
	look := time.NewTicker(watchEvery)
	defer look.Stop()
	for last := time.Now(); ; {
		select {
		case <-look.C:
		case <-ctx.Done():
			return
		}
		now := time.Now()
		waits, all := false, links.All()
		forget(seen, all) // each time: on a busy node something may always be waited for
		for _, r := range all {
			if r.calls.Len() == 0 {
				delete(seen, r)
				continue
			}
			waits = true
			seen[r] = r.look(now, seen[r], now.Sub(last) >= lateLook)
		}
		if last = now; !waits {
			return
		}
	}
}

// forget forgets what was noted of links that are there no more.
func forget[T any](noted map[*Remote]T, links map[transport.PeerID]*Remote) {
	for r := range noted {
		if links[r.ID()] != r {
			delete(noted, r)
		}
	}
}

// sight is what was seen of a link.
type sight struct {
	received uint64    // bytes
	heard    time.Time // when some had come, as far as looks tell; zero: it was not looked at
}

// look asks a node whether it lives if it is silent, and gives its link up if it stays so.
func (r *Remote) look(now time.Time, s sight, late bool) sight {
	if !r.understands() {
		return s
	}
	stats := r.Peer().Link().Stats()
	if s.heard.IsZero() || late || stats.BytesReceived != s.received {
		return sight{stats.BytesReceived, now}
	}
	silence := now.Sub(s.heard)
	if silence >= max(giveUpAfter, giveUpTrips*stats.RTT) {
		r.Cut(errSilent)
	} else {
		r.Tell(&wire.Ping{})
	}
	return s
}
