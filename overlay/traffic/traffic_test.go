package traffic

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

// Each latency is in the bucket whose bounds it lies between.
func TestBuckets(t *testing.T) {
	for range 10_000 {
		took := time.Duration(math.Exp2(rand.Float64()*30) * 1024)
		i := bucketOf(took)
		low, high := math.Exp2(float64(First+i-1)/perOctave), math.Exp2(float64(First+i)/perOctave)
		if s := took.Seconds(); s < low*(1-1e-9) || s > high*(1+1e-9) {
			t.Fatalf("%v is in the bucket from %v to %v", s, low, high)
		}
	}
	for took, want := range map[time.Duration]int{0: 0, 1: 0, time.Microsecond / 2: 0, 100 * time.Hour: Buckets - 1, math.MaxInt64: Buckets - 1} {
		if got := bucketOf(took); got != want {
			t.Errorf("%v is in bucket %d, want %d", took, got, want)
		}
	}
	if got := bucketOf(time.Second) + First; got != 0 {
		t.Errorf("a second has index %d, and 1 is the upper bound of index 0", got)
	}
}

// Quantiles are at most a bucket too large, and never too small.
func TestQuantiles(t *testing.T) {
	var h Histogram
	var all []time.Duration
	for range 5_000 {
		took := time.Duration(rand.ExpFloat64() * float64(10*time.Millisecond))
		h.Observe(took)
		all = append(all, max(took, 954*time.Nanosecond))
	}
	slices.Sort(all)
	var c Counts
	h.AddTo(&c)
	for _, q := range []float64{0.5, 0.9, 0.99, 1} {
		exact, got := all[int(math.Ceil(q*float64(len(all))))-1], c.Quantile(q)
		if ratio := float64(got) / float64(exact); ratio < 0.999 || ratio > 1.1 {
			t.Errorf("q %v: %v, and exactly %v", q, got, exact)
		}
	}
	if (&Counts{}).Quantile(0.5) != 0 {
		t.Error("an empty histogram has a median")
	}
}

// What was counted is in the snapshot, and the difference of two is what came between.
func TestServed(t *testing.T) {
	var s Served
	s.Took()
	s.Answered(time.Millisecond, true)
	var before, after ServedCounts
	s.AddTo(&before)
	s.Took()
	s.Answered(2*time.Millisecond, false)
	s.Late()
	s.Lost(3)
	s.Refused()
	s.AddTo(&after)
	after.Sub(&before)
	if after.Requests != 1 || after.Faults != 1 || after.Late != 1 || after.Lost != 3 || after.Refused != 1 ||
		after.Latency.Count != 1 || after.Latency.Sum != 2*time.Millisecond {
		t.Errorf("between: %+v", after)
	}
	before.Add(&after)
	if before.Requests != 2 || before.Latency.Count != 2 || before.Latency.Sum != 3*time.Millisecond {
		t.Errorf("together: %+v", before)
	}
}

// Counting allocates nothing.
func TestCountingAllocatesNothing(t *testing.T) {
	s := new(Served)
	if n := testing.AllocsPerRun(1000, func() { s.Took(); s.Answered(time.Millisecond, true) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkObserve(b *testing.B) {
	var h Histogram
	for i := range b.N {
		h.Observe(time.Duration(i))
	}
}
