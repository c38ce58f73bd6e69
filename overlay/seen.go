package overlay

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

// Seen returns the IP addresses that other nodes see this one at, those first that the most
// of them say. It is their word, and each has one: who lies adds an address.
func (o *Overlay) Seen() []netip.Addr {
	if o.net == nil {
		return nil
	}
	return o.net.nodes.views()
}

// seenAt returns what to tell a node about where it is seen, given the other end of the
// link; nil if that would not help it.
func seenAt(remote string) *wire.Seen {
	at, err := netip.ParseAddrPort(remote)
	if ip := at.Addr().Unmap(); err == nil && ip.IsGlobalUnicast() {
		return &wire.Seen{Host: ip.AsSlice()}
	}
	return nil
}

// see notes what a node sees this one as.
func (ns *nodes) see(id transport.PeerID, m *wire.Seen) {
	ip, ok := netip.AddrFromSlice(m.Host)
	if ip = ip.Unmap(); !ok || !ip.IsGlobalUnicast() {
		return
	}
	ns.mu.Lock()
	defer ns.mu.Unlock()
	if _, known := ns.seen[id]; !known && len(ns.seen) >= maxSeen {
		for any := range ns.seen {
			delete(ns.seen, any)
			break
		}
	}
	ns.seen[id] = ip
}

// views is Seen.
func (ns *nodes) views() []netip.Addr {
	ns.mu.Lock()
	defer ns.mu.Unlock()
	says := make(map[netip.Addr]int)
	for _, ip := range ns.seen {
		says[ip]++
	}
	return slices.SortedFunc(maps.Keys(says), func(a, b netip.Addr) int {
		return cmp.Or(cmp.Compare(says[b], says[a]), a.Compare(b))
	})
}
