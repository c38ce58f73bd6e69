package sealed

import "sync/atomic"

// Stats is what a Box has done so far. Each packet that was given to Open is in one of
// Opened and what was refused.
type Stats struct {
	Sealed uint64 // packets
	Opened uint64 // packets that were accepted

	OtherSecret uint64 // of those opened: with another secret than the first one

	// Refused, by the error.
	WrongLength  uint64 // ErrLength
	WrongVersion uint64 // ErrVersion
	WrongSeal    uint64 // ErrSeal
	Replayed     uint64 // ErrReplayed
	TooOld       uint64 // ErrTooOld
	OldEpoch     uint64 // ErrOldEpoch

	Senders int    // nodes of which is remembered what they have sent
	Evicted uint64 // nodes that were forgotten to make room
}

// counts are what Stats has of packets.
type counts struct {
	sealed, opened, otherSecret          atomic.Uint64
	wrongLength, wrongVersion, wrongSeal atomic.Uint64
	replayed, tooOld, oldEpoch           atomic.Uint64
}

// note counts a packet by what came of it.
func (c *counts) note(err error) {
	switch err {
	case nil:
		c.opened.Add(1)
	case ErrLength:
		c.wrongLength.Add(1)
	case ErrVersion:
		c.wrongVersion.Add(1)
	case ErrSeal:
		c.wrongSeal.Add(1)
	case ErrReplayed:
		c.replayed.Add(1)
	case ErrTooOld:
		c.tooOld.Add(1)
	case ErrOldEpoch:
		c.oldEpoch.Add(1)
	}
}

// Stats is a snapshot, good at any time.
func (b *Box) Stats() Stats {
	stats := Stats{
		Sealed:       b.counts.sealed.Load(),
		Opened:       b.counts.opened.Load(),
		OtherSecret:  b.counts.otherSecret.Load(),
		WrongLength:  b.counts.wrongLength.Load(),
		WrongVersion: b.counts.wrongVersion.Load(),
		WrongSeal:    b.counts.wrongSeal.Load(),
		Replayed:     b.counts.replayed.Load(),
		TooOld:       b.counts.tooOld.Load(),
		OldEpoch:     b.counts.oldEpoch.Load(),
	}
	b.senders.mu.Lock()
	defer b.senders.mu.Unlock()
	stats.Senders, stats.Evicted = len(b.senders.byID), b.senders.evicted
	return stats
}
