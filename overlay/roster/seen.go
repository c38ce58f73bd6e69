package roster

import (
	"cmp"
	"maps"
	"net/netip"
	"slices"

	"github.com/project-iris/iris/overlay/wire"
	"github.com/project-iris/iris/transport"
)

// maxSeen is of how many nodes this one remembers what they see it as; of more, any one is
// forgotten.
const maxSeen = 256

// SeenAt returns what to tell a node about where it is seen, given the other end of the
// link; nil if that would not help it.
func SeenAt(remote string) *wire.Seen {
	at, err := netip.ParseAddrPort(remote)
	if ip := at.Addr().Unmap(); err == nil && ip.IsGlobalUnicast() {
		return &wire.Seen{Host: ip.AsSlice()}
	}
	return nil
}

// See notes what a node sees this one as.
func (r *Roster) See(id transport.PeerID, m *wire.Seen) {
	ip, ok := netip.AddrFromSlice(m.Host)
	if ip = ip.Unmap(); !ok || !ip.IsGlobalUnicast() {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if _, known := r.seen[id]; !known && len(r.seen) >= maxSeen {
		for any := range r.seen {
			delete(r.seen, any)
			break
		}
	}
	r.seen[id] = ip
}

// Seen returns the IP addresses that other nodes see this one at, those first that the most
// of them say. It is their word, and each has one: who lies adds an address.
func (r *Roster) Seen() []netip.Addr {
	r.mu.Lock()
	defer r.mu.Unlock()
	says := make(map[netip.Addr]int)
	for _, ip := range r.seen {
		says[ip]++
	}
	return slices.SortedFunc(maps.Keys(says), func(a, b netip.Addr) int {
		return cmp.Or(cmp.Compare(says[b], says[a]), a.Compare(b))
	})
}
