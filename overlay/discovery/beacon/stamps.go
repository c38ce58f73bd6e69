package beacon

import "time"

// stamps are the times in the beacons of a node. One goroutine owns it.
type stamps struct{ last time.Time }

// next returns the time for the next beacon. It is what the wall clock says, as others
// have no other, and later than the one before, as they want it to grow: also when the
// clock was set back, unless that was by more than what they believe. Then they have not
// believed what was sent before.
func (s *stamps) next(now time.Time) time.Time {
	now = now.Round(0) // the monotonic reading stands still while the host sleeps
	least := s.last.Add(time.Millisecond)
	if now.Before(least) && least.Sub(now) <= Window {
		now = least
	}
	s.last = now
	return now
}
