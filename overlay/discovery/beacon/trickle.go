package beacon

import (
	"math/rand/v2"
	"time"
)

// The parameters of Trickle (RFC 6206, section 4.1).
const (
	// IntervalMin and IntervalMax are the shortest and the longest interval.
	IntervalMin = 250 * time.Millisecond
	IntervalMax = IntervalMin << 8 // 64 s
	// redundancy is how many announcements of members in an interval make another one
	// needless.
	redundancy = 3
	// crowd is the same for announcements of all nodes of the network, members or not:
	// it keeps a thousand that start at once, and know nobody, from speaking all. It is
	// so much more that members at rest cannot silence a node that looks for them.
	crowd = 12
)

// trickle says when to speak, by RFC 6206, section 4.2. One goroutine owns it; it has no
// clock.
type trickle struct {
	random   *rand.Rand
	interval time.Duration
	end      time.Time // of the interval
	at       time.Time // when to speak in it
	decided  bool      // at has passed
	members  int       // heard in this interval
	all      int
}

// start begins an interval of a length.
func (t *trickle) start(now time.Time, interval time.Duration) {
	half := interval / 2
	*t = trickle{
		random:   t.random,
		interval: interval,
		end:      now.Add(interval),
		at:       now.Add(half + time.Duration(t.random.Int64N(int64(half)))),
	}
}

// hasten goes back to the shortest interval: something is not as it was.
func (t *trickle) hasten(now time.Time) {
	if t.interval > IntervalMin {
		t.start(now, IntervalMin)
	}
}

// hear counts an announcement of another node.
func (t *trickle) hear(member bool) {
	t.all++
	if member {
		t.members++
	}
}

// due is when step is to be called next.
func (t *trickle) due() time.Time {
	if t.decided {
		return t.end
	}
	return t.at
}

// step reports whether to speak now. It is called when it is due, or later.
func (t *trickle) step(now time.Time) (speak bool) {
	if !t.decided && !now.Before(t.at) {
		t.decided = true
		speak = t.members < redundancy && t.all < crowd
	}
	if !now.Before(t.end) {
		t.start(now, min(2*t.interval, IntervalMax))
	}
	return speak
}
