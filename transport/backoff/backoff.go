// Package backoff is how long to wait before something is tried again that has failed.
package backoff

import "time"

// Backoff is waits that double with each failure. It has no clock and no lock. The waits
// begin with Least and grow to Most; whoever wants jitter adds it.
type Backoff struct {
	Least, Most time.Duration

	wait time.Duration // the last one; zero: all is well
}

// Next returns how long to wait after another failure.
func (b *Backoff) Next() time.Duration {
	b.wait = min(max(2*b.wait, b.Least), b.Most)
	return b.wait
}

// Reset says that it went well: the next wait is the least.
func (b *Backoff) Reset() { b.wait = 0 }

// First reports whether the last wait is the first since all was well.
func (b *Backoff) First() bool { return b.wait == b.Least }
