package choose

import (
	"net"
	"sync"
	"time"
)

// blocked remembers what did not answer while something else did. The zero
// value is ready.
type blocked struct {
	mu    sync.Mutex
	until map[place]time.Time
}

// A place is where a transport was blocked.
type place struct{ scheme, host string }

// placeOf leaves the port out: what blocks a transport blocks it for the host.
func placeOf(scheme, addr string) place {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		host = addr
	}
	return place{scheme, host}
}

// note remembers a place until a time, and says whether that is news.
func (b *blocked) note(p place, now, until time.Time) (news bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.until == nil {
		b.until = make(map[place]time.Time)
	}
	before, known := b.until[p]
	if !known && len(b.until) >= maxBlocked {
		b.forgetOldest()
	}
	b.until[p] = until
	return !known || before.Before(now)
}

// forget is for a place that has answered.
func (b *blocked) forget(p place) {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.until, p)
}

func (b *blocked) has(p place, now time.Time) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return now.Before(b.until[p])
}

func (b *blocked) forgetOldest() {
	var oldest place
	var first time.Time
	for p, until := range b.until {
		if first.IsZero() || until.Before(first) {
			oldest, first = p, until
		}
	}
	delete(b.until, oldest)
}
