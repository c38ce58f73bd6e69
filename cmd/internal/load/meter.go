package load

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// The range and precision of latencies: three digits, from a microsecond to an hour.
const (
	leastLatency = time.Microsecond
	mostLatency  = time.Hour
	digits       = 3
)

// timedEvery is how many messages that are sent as fast as they go there are to one that
// is timed: to read the clock costs as much as an eighth of an event.
const timedEvery = 8

// meter counts what arrives at one place, and how long it took.
type meter struct {
	done atomic.Int64 // messages that have arrived, or were answered

	mu        sync.Mutex
	latencies *hdrhistogram.Histogram // in nanoseconds
}

func newMeter() *meter {
	return &meter{latencies: hdrhistogram.New(int64(leastLatency), int64(mostLatency), digits)}
}

// record notes how long a message took.
func (m *meter) record(took time.Duration) {
	m.mu.Lock()
	defer m.mu.Unlock()
	_ = m.latencies.RecordValue(int64(min(max(took, leastLatency), mostLatency)))
}

// sum merges what meters have recorded.
func sum(meters []*meter) *hdrhistogram.Histogram {
	all := newMeter().latencies
	for _, m := range meters {
		m.mu.Lock()
		all.Merge(m.latencies)
		m.mu.Unlock()
	}
	return all
}

// total is how many messages have arrived at all of them.
func total(meters []*meter) int64 {
	var n int64
	for _, m := range meters {
		n += m.done.Load()
	}
	return n
}
