package client

import (
	"sync/atomic"
	"time"
)

// Stats counts what a Conn has dropped or refused since it was first attached.
type Stats struct {
	OverloadedRequests uint64 // answered with FaultOverloaded: the queue was full, or the deadline passed in it
	DroppedBroadcasts  uint64 // the queue of broadcasts was full
	DroppedEvents      uint64 // the queue of a subscription was full
	RefusedTunnels     uint64 // as many as Config.Tunnels were open, or nothing could be sent
	RefusedStreams     uint64 // tunnels to a Listener whose other side spoke no stream, or came when it was closed
	LateReplies        uint64 // for requests that had been given up
	Reconnects         uint64 // times that a connection which was lost was made again
	UnsentBytes        uint64 // frames, events among them, that waited to be written when a connection was closed or lost
}

// logInterval is the least time between two lines about the same kind of drop.
const logInterval = 10 * time.Second

// counter counts one kind of drop and logs it now and then.
type counter struct {
	total atomic.Uint64
	next  atomic.Int64 // no line before, in nanoseconds since the connection was attached
}

type counters struct {
	overloadedRequests counter
	droppedBroadcasts  counter
	droppedEvents      counter
	refusedTunnels     counter
	refusedStreams     counter
	lateReplies        atomic.Uint64
	reconnects         atomic.Uint64
	unsentBytes        atomic.Uint64
}

// Stats returns the counters. Anyone may call it at any time.
func (c *Conn) Stats() Stats {
	return Stats{
		OverloadedRequests: c.counters.overloadedRequests.total.Load(),
		DroppedBroadcasts:  c.counters.droppedBroadcasts.total.Load(),
		DroppedEvents:      c.counters.droppedEvents.total.Load(),
		RefusedTunnels:     c.counters.refusedTunnels.total.Load(),
		RefusedStreams:     c.counters.refusedStreams.total.Load(),
		LateReplies:        c.counters.lateReplies.Load(),
		Reconnects:         c.counters.reconnects.Load(),
		UnsentBytes:        c.counters.unsentBytes.Load(),
	}
}

// count counts a drop, and logs the first and then one in a while. Arguments are
// as slog's.
func (c *Conn) count(n *counter, what string, args ...any) {
	total := n.total.Add(1)
	now, next := int64(time.Since(c.began)), n.next.Load()
	if now >= next && n.next.CompareAndSwap(next, now+int64(logInterval)) {
		c.log.Warn(what, append(args, "total", total)...)
	}
}
