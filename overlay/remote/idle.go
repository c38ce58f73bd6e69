package remote

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/project-iris/iris/transport"
)

const (
	// idleLooks is how often it is looked, in the time that a link may be idle, whether it is,
	// but for idleLook at most.
	idleLooks = 4
	idleLook  = 5 * time.Second
	// unusedAfter is after how long a link ends over which nothing was ever said but who is in
	// the network: those by which a node has come into it.
	unusedAfter = 10 * time.Second
	// idleLeast is how long a link has to have been idle to make room for another.
	idleLeast = time.Second
)

// Idle ends links that nobody uses, each in good order. One goroutine runs it.
type Idle struct {
	after   atomic.Int64  // how long a link may be idle, in nanoseconds
	most    atomic.Int64  // links
	crowded chan struct{} // holds one when there are more
	changed chan struct{} // holds one when after has changed
	uses    map[*Remote]use
}

// use is when a link was used last.
type use struct {
	activity uint64
	since    time.Time
}

// NewIdle returns what ends links that were idle for so long, and of more than so many the one
// that was so for the longest time. It has to be run.
func NewIdle(after time.Duration, most int) *Idle {
	l := &Idle{crowded: make(chan struct{}, 1), changed: make(chan struct{}, 1), uses: make(map[*Remote]use)}
	l.Set(after, most)
	return l
}

// Set changes after how long and of how many links one ends. Any goroutine may call it.
func (l *Idle) Set(after time.Duration, most int) {
	l.after.Store(int64(after))
	l.most.Store(int64(most))
	select {
	case l.changed <- struct{}{}:
	default:
	}
}

// every is how often it is looked at the links.
func (l *Idle) every() time.Duration {
	return max(min(time.Duration(l.after.Load())/idleLooks, idleLook), time.Millisecond)
}

// Crowd notes how many links there are.
func (l *Idle) Crowd(links int) {
	if int64(links) > l.most.Load() {
		select {
		case l.crowded <- struct{}{}:
		default:
		}
	}
}

// Run looks again and again at the links of a table, until the context ends. Needed reports
// whether a link has a use that is not seen here. It returns when no link is being ended.
func (l *Idle) Run(ctx context.Context, links *Table, needed func(transport.PeerID) bool) {
	var ending sync.WaitGroup
	defer ending.Wait()
	look := time.NewTicker(l.every())
	defer look.Stop()
	for {
		select {
		case <-look.C:
		case <-l.crowded:
		case <-l.changed:
			look.Reset(l.every())
		case <-ctx.Done():
			return
		}
		now, all := time.Now(), links.All()
		l.note(now, all)
		for _, r := range l.idle(now, len(all), needed) {
			ending.Go(r.Retire)
		}
	}
}

// note notes which links were used since the last look.
func (l *Idle) note(now time.Time, links map[transport.PeerID]*Remote) {
	for _, r := range links {
		activity := r.Activity()
		if u, known := l.uses[r]; !known || u.activity != activity {
			l.uses[r] = use{activity, now}
		}
	}
	forget(l.uses, links)
}

// idle returns the links that have been idle for too long, and the one that has been so for the
// longest time where there are too many. Those that are needed end only in the latter case.
func (l *Idle) idle(now time.Time, links int, needed func(transport.PeerID) bool) (idle []*Remote) {
	longest, after := (*Remote)(nil), time.Duration(l.after.Load())
	for r, u := range l.uses {
		switch {
		case (now.Sub(u.since) >= after || u.activity == 0 && now.Sub(u.since) >= unusedAfter) && !needed(r.ID()):
			idle = append(idle, r)
		case longest == nil || u.since.Before(l.uses[longest].since):
			longest = r
		}
	}
	if int64(links-len(idle)) > l.most.Load() && longest != nil && now.Sub(l.uses[longest].since) >= idleLeast {
		idle = append(idle, longest)
	}
	return idle
}
