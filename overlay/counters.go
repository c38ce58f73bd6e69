package overlay

import "sync/atomic"

// Stats counts what an overlay has dropped or refused since it was made.
type Stats struct {
	PlacesFull      uint64 // names that were not looked up, as too many are
	SendsFailed     uint64 // broadcasts and events for a node without a link, or that does not read
	CopiesDropped   uint64 // of messages that were to be forwarded to a node without a link, or that does not read
	CopiesLate      uint64 // of messages that came after a later one of their sender, by another way
	RepliesDropped  uint64 // of members here, for a node without a link, or that does not read
	BytesLost       uint64 // of messages that waited to be written to a link when it was lost
	FramesRefused   uint64 // large messages that there was no memory for; each has cost its node the link
	ControlsDropped uint64 // messages of the directory for a node without a link, or that does not read; it repeats them
	Unconfirmed     uint64 // members that went on before all other nodes knew of their cluster and topics
}

// counters are those that no part of the overlay keeps itself.
type counters struct {
	repliesDropped, unlinked, unconfirmed atomic.Uint64
}

// Stats returns the counts. It may be called at any time.
func (o *Overlay) Stats() Stats {
	known := o.lookup.Stats()
	links := o.sessions.Stats()
	s := Stats{
		PlacesFull:      known.PlacesFull,
		RepliesDropped:  o.counters.repliesDropped.Load(),
		BytesLost:       links.BytesLost,
		FramesRefused:   links.FramesRefused,
		ControlsDropped: links.ControlsDropped + o.counters.unlinked.Load(),
		Unconfirmed:     o.counters.unconfirmed.Load(),
	}
	if o.net != nil {
		sent := o.net.multicast.Stats()
		s.SendsFailed, s.CopiesDropped, s.CopiesLate = sent.SendsFailed, sent.CopiesDropped, sent.CopiesLate
	}
	return s
}
