package plugins

import "time"

// stable is how long a plugin has to run until a crash counts as its first.
const stable = time.Minute

// A backoff counts the pauses before a plugin is started again: each is twice the one
// before.
type backoff struct {
	shortest, longest time.Duration
	pause             time.Duration // the next one
}

func newBackoff(shortest, longest time.Duration) *backoff {
	return &backoff{shortest: shortest, longest: longest, pause: shortest}
}

// next returns the pause that is due.
func (b *backoff) next() time.Duration {
	pause := b.pause
	b.pause = min(2*pause, b.longest)
	return pause
}

// ran tells how long the plugin has run. After a minute the pauses begin from the shortest.
func (b *backoff) ran(d time.Duration) {
	if d > stable {
		b.pause = b.shortest
	}
}
