package quic

import (
	"net/netip"
	"sync"
	"time"

	quicgo "github.com/quic-go/quic-go"
)

const (
	// narrowTime is how long links use small packets on a path on which larger
	// ones have vanished: the PMTU_RAISE_TIMER of RFC 8899, section 5.1.1.
	narrowTime = 10 * time.Minute

	// maxNarrow bounds the memory of such paths; beyond it the oldest is
	// forgotten, which costs as much as finding out did.
	maxNarrow = 1024
)

// narrowPaths are those on which large packets have vanished, by the address of
// the other end. The zero value is ready.
type narrowPaths struct {
	mu    sync.Mutex
	since map[netip.Addr]time.Time
}

// note adds a path, and says whether that is news.
func (n *narrowPaths) note(remote netip.Addr, now time.Time) (news bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.since == nil {
		n.since = make(map[netip.Addr]time.Time)
	}
	before, known := n.since[remote]
	if !known && len(n.since) >= maxNarrow {
		n.forgetOldest()
	}
	n.since[remote] = now
	return !known || now.Sub(before) >= narrowTime
}

// has says whether small packets are to be sent to an address.
func (n *narrowPaths) has(remote netip.Addr, now time.Time) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	since, known := n.since[remote]
	return known && now.Sub(since) < narrowTime
}

func (n *narrowPaths) forgetOldest() {
	var oldest netip.Addr
	var first time.Time
	for remote, since := range n.since {
		if first.IsZero() || since.Before(first) {
			oldest, first = remote, since
		}
	}
	delete(n.since, oldest)
}

// configFor is the configuration of a connection with an address.
func (t *Transport) configFor(remote netip.Addr) *quicgo.Config {
	if t.narrow.has(remote, time.Now()) {
		return t.small
	}
	return t.quic
}
