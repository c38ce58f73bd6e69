package overlay

import "time"

// alarm calls a function at the earliest of many deadlines. It is one timer for all of
// them, and touched only for a deadline that is earlier than the one that it runs to:
// with equal timeouts, once a timeout. The lock of its owner guards it.
type alarm struct {
	ring  func() // in a goroutine of its own; calls rung first, under the lock
	timer *time.Timer
	at    time.Time // when it rings; zero: it does not
}

// set makes sure that the alarm rings by the deadline.
func (a *alarm) set(deadline time.Time) {
	if !a.at.IsZero() && !deadline.Before(a.at) {
		return
	}
	a.at = deadline
	wait := time.Until(deadline)
	if a.timer == nil {
		a.timer = time.AfterFunc(wait, a.ring)
		return
	}
	a.timer.Reset(wait)
}

// rung notes that the alarm has rung, so that the next deadline sets it again.
func (a *alarm) rung() { a.at = time.Time{} }

// stop ends the alarm.
func (a *alarm) stop() {
	if a.timer != nil {
		a.timer.Stop()
	}
}
