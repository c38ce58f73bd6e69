package relay

import (
	"cmp"
	"slices"
	"sync/atomic"
)

// Attached is an application that is attached now.
type Attached struct {
	Addr    string // from where it has connected, as logs call it
	Cluster []byte // that it serves, empty for none: raw bytes of a stranger
	Member  Member // what the network has given it
	Queued  int    // bytes that wait for it
	Slow    bool   // it reads too slowly, and misses events and broadcasts
	Tunnels int    // that it has open, or that are being built
	Dropped Dropped
}

// Dropped counts what an application has missed since it was attached, by reason. Each is in
// the count of the same name of [Stats] as well.
type Dropped struct {
	EventsDropped, BroadcastsDropped, RequestsRefused, ResultsReplaced uint64
}

// dropped is the live form of Dropped.
type dropped struct {
	events, broadcasts, requests, results atomic.Uint64
}

// Applications returns those that are attached, in the order of their addresses.
func (r *Relay) Applications() []Attached {
	sessions := r.connected()
	all := make([]Attached, 0, len(sessions))
	for _, s := range sessions {
		if s.writing.Load() { // from then on its member and cluster stay as they are
			all = append(all, s.describe())
		}
	}
	slices.SortFunc(all, func(a, b Attached) int { return cmp.Compare(a.Addr, b.Addr) })
	return all
}

func (s *session) describe() Attached {
	return Attached{
		Addr: s.name, Cluster: s.cluster, Member: s.member,
		Queued: s.out.Queued(), Slow: s.throttle.slow.Load(), Tunnels: s.tunnels.count(),
		Dropped: Dropped{
			EventsDropped: s.dropped.events.Load(), BroadcastsDropped: s.dropped.broadcasts.Load(),
			RequestsRefused: s.dropped.requests.Load(), ResultsReplaced: s.dropped.results.Load(),
		},
	}
}

// count returns how many tunnels there are.
func (ts *tunnels) count() int {
	ts.mu.Lock()
	defer ts.mu.Unlock()
	return len(ts.open) + len(ts.offers)
}
