package balance

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"
)

func draw(n int) int { return rand.IntN(n) }

// shares returns how often each of n candidates is picked, out of a thousand times.
func shares(n int, gauge func(i int) *Gauge) map[int]int {
	random := rand.New(rand.NewPCG(1, 2))
	got := make(map[int]int)
	for range 1000 {
		got[Pick(start, n, random.IntN, gauge)]++
	}
	return got
}

func TestNobody(t *testing.T) {
	for n := range 4 {
		if got := shares(n, func(int) *Gauge { return nil }); got[-1] != 1000 {
			t.Errorf("of %d without a gauge: %v", n, got)
		}
	}
}

func TestEqualOnesShare(t *testing.T) {
	for n := 1; n <= 5; n++ {
		gauges := make([]Gauge, n)
		got := shares(n, func(i int) *Gauge { return &gauges[i] })
		for i := range n {
			if got[i] < 850/n || got[i] > 1150/n {
				t.Errorf("candidate %d of %d is picked %d times of 1000", i, n, got[i])
			}
		}
	}
}

// The dearest is never picked, the others are, though the power of two choices prefers
// the cheapest.
func TestTheDearestIsNeverPicked(t *testing.T) {
	gauges := make([]Gauge, 3)
	for i := range gauges {
		gauges[i].Observe(start, time.Duration(i+1)*time.Millisecond, 0, false)
	}
	got := shares(3, func(i int) *Gauge { return &gauges[i] })
	if got[2] != 0 || got[1] < 280 || got[1] > 390 {
		t.Errorf("picked %v, want two thirds, one third and none", got)
	}
}

// Those that are left out are never picked, and the cheaper of the two that are left is.
func TestSomeAreLeftOut(t *testing.T) {
	gauges := make([]Gauge, 5)
	gauges[4].Begin()
	got := shares(5, func(i int) *Gauge {
		if i < 3 {
			return nil
		}
		return &gauges[i]
	})
	if got[3] != 1000 {
		t.Errorf("picked %v, want candidate 3", got)
	}
}

func BenchmarkPick(b *testing.B) {
	for _, n := range []int{2, 10, 1000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			gauges := make([]Gauge, n)
			now := start
			b.ReportAllocs()
			for b.Loop() {
				now = now.Add(time.Microsecond)
				g := &gauges[Pick(now, n, draw, func(i int) *Gauge { return &gauges[i] })]
				g.Begin()
				g.Answered(now, time.Millisecond, 1, false)
			}
		})
	}
}
