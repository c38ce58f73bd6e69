package overlay

import (
	"sync/atomic"

	"github.com/project-iris/iris/overlay/multicast"
)

// Stats counts what an overlay has dropped or refused since it was made.
type Stats struct {
	PlacesFull      uint64 // names that were not looked up, as too many are
	multicast.Stats        // broadcasts and events
	RepliesDropped  uint64 // of members here, for a node without a link, or that does not read
	BytesLost       uint64 // of messages that waited to be written to a link when it was lost
	FramesRefused   uint64 // large messages that there was no memory for; each has cost its node the link
	ControlsDropped uint64 // messages of the directory that did not fit the queue; it repeats them
	Unconfirmed     uint64 // members that went on before all other nodes knew of their cluster and topics
}

type counters struct {
	placesFull, repliesDropped, bytesLost, framesRefused, controlsDropped, unconfirmed atomic.Uint64
}

// Stats returns the counts. It may be called at any time.
func (o *Overlay) Stats() Stats {
	s := Stats{
		PlacesFull:      o.counters.placesFull.Load(),
		RepliesDropped:  o.counters.repliesDropped.Load(),
		BytesLost:       o.counters.bytesLost.Load(),
		FramesRefused:   o.counters.framesRefused.Load(),
		ControlsDropped: o.counters.controlsDropped.Load(),
		Unconfirmed:     o.counters.unconfirmed.Load(),
	}
	if o.net != nil {
		s.Stats = o.net.multicast.Stats()
	}
	return s
}
