package overlay

import "sync/atomic"

// Stats counts what an overlay has dropped or refused since it was made.
type Stats struct {
	PlacesFull      uint64 // messages to names over the number that is looked up at a time
	SendsFailed     uint64 // broadcasts and events whose way to a node was lost with the link
	ControlsDropped uint64 // messages of the directory that did not fit the queue; it repeats them
}

type counters struct {
	placesFull, sendsFailed, controlsDropped atomic.Uint64
}

// Stats returns the counts. It may be called at any time.
func (o *Overlay) Stats() Stats {
	return Stats{
		PlacesFull:      o.counters.placesFull.Load(),
		SendsFailed:     o.counters.sendsFailed.Load(),
		ControlsDropped: o.counters.controlsDropped.Load(),
	}
}
