package quic

import (
	"net/netip"
	"slices"
	"time"

	"github.com/project-iris/iris/transport"
)

// Condition returns what is known about the socket, and the paths that it leads to.
func (t *Transport) Condition() transport.Condition {
	c := transport.Condition{NarrowPaths: t.narrow.all(time.Now()), WantedBuffer: wantedBuffer}
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.sockets) > 0 {
		c.ReceiveBuffer, c.SendBuffer = bufferSizes(t.sockets[0].udp)
	}
	return c
}

// all returns the paths, in the order of their addresses.
func (n *narrowPaths) all(now time.Time) []netip.Addr {
	n.mu.Lock()
	defer n.mu.Unlock()
	var all []netip.Addr
	for addr, since := range n.since {
		if now.Sub(since) < narrowTime {
			all = append(all, addr)
		}
	}
	slices.SortFunc(all, netip.Addr.Compare)
	return all
}
