package traffic

import (
	"math"
	"sort"
	"sync/atomic"
	"time"
)

const (
	// Schema is how finely a [Histogram] divides: the bounds of its buckets are the powers of
	// 2^(2^-Schema), so each is 9 % wider than the one before. It is the schema of the same
	// number of native histograms of Prometheus.
	Schema    = 3
	perOctave = 1 << Schema

	// Latencies below 2^-20 s, a microsecond, count as that, and those above 2^12 s, an hour
	// and eight minutes, as that.
	leastExponent = -20
	mostExponent  = 12

	// Buckets is how many a histogram has.
	Buckets = (mostExponent - leastExponent) * perOctave
	// First is the index of the first bucket in the schema: bucket i holds what is greater
	// than 2^((First+i-1)/8) s, and no greater than 2^((First+i)/8) s.
	First = leastExponent*perOctave + 1
)

// bounds are those of buckets within [0.5, 1).
var bounds = func() (all [perOctave]float64) {
	for i := range all {
		all[i] = math.Exp2(float64(i)/perOctave - 1)
	}
	return all
}()

// Histogram counts latencies in buckets, 2 KiB of them. The zero Histogram is empty. Its
// methods are safe for concurrent use.
type Histogram struct {
	buckets [Buckets]atomic.Uint64
	nanos   atomic.Int64 // the sum of all
}

// Observe counts one.
func (h *Histogram) Observe(took time.Duration) {
	took = max(took, 0)
	h.nanos.Add(int64(took))
	h.buckets[bucketOf(took)].Add(1)
}

// bucketOf returns the bucket of a latency.
func bucketOf(took time.Duration) int {
	fraction, exponent := math.Frexp(max(took, 1).Seconds())
	within := sort.SearchFloat64s(bounds[:], fraction)
	i := within + (exponent-1)*perOctave - First
	return min(max(i, 0), Buckets-1)
}

// Counts is a snapshot of a histogram.
type Counts struct {
	Buckets [Buckets]uint64
	Count   uint64
	Sum     time.Duration
}

// AddTo adds what the histogram has to a snapshot.
func (h *Histogram) AddTo(c *Counts) {
	for i := range h.buckets {
		n := h.buckets[i].Load()
		c.Buckets[i] += n
		c.Count += n
	}
	c.Sum += time.Duration(h.nanos.Load())
}

// Quantile returns a latency that so large a share of the others does not exceed, 0.99 for
// p99: the upper bound of its bucket, at most 9 % too much. It is zero when there is none.
func (c *Counts) Quantile(q float64) time.Duration {
	rank := uint64(math.Ceil(q * float64(c.Count)))
	var seen uint64
	for i, n := range c.Buckets {
		if seen += n; n > 0 && seen >= rank {
			return time.Duration(math.Exp2(float64(First+i)/perOctave) * float64(time.Second))
		}
	}
	return 0
}

// Sub takes an earlier snapshot of the same histogram off.
func (c *Counts) Sub(earlier *Counts) {
	for i, n := range earlier.Buckets {
		c.Buckets[i] -= n
	}
	c.Count -= earlier.Count
	c.Sum -= earlier.Sum
}

// Add adds another snapshot.
func (c *Counts) Add(other *Counts) {
	for i, n := range other.Buckets {
		c.Buckets[i] += n
	}
	c.Count += other.Count
	c.Sum += other.Sum
}
