package overlay

import (
	"context"
	"time"
)

// Handler is how the overlay delivers to a member. Its methods are called
// concurrently, from the goroutines of the senders, so a handler that is slow
// slows whoever sends to it. Slices are borrowed: they are valid during the call.
//
// After [Member.Close] has returned, a delivery that had begun before may still
// arrive.
type Handler interface {
	// HandleRequest hands over a request. The member answers it with
	// [Member.Reply] and the same id within the timeout. An error means that the
	// request was certainly not handed over, and it goes elsewhere or waits; the
	// member is given no other before [Member.Resume]. It must not block.
	HandleRequest(id uint64, body []byte, timeout time.Duration) error
	// HandleBroadcast delivers a broadcast to the member's cluster.
	HandleBroadcast(message []byte)
	// HandleTunnel offers the near end of a tunnel, and returns nil when the
	// member has taken it, whose own it is then. It must return when the context
	// ends.
	HandleTunnel(ctx context.Context, conn Stream) error

	// HandleEvent delivers an event of a topic that the member is subscribed to.
	HandleEvent(topic, event []byte)

	// HandleReply, HandleFault and HandleTimeout are the answers to the member's
	// own requests: exactly one of them is called for each, with the id that
	// [Member.Request] was given. They must not block.
	HandleReply(id uint64, reply []byte)
	HandleFault(id uint64, text []byte)
	HandleTimeout(id uint64)
}
