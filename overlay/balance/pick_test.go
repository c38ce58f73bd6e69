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

// Of each two the cheaper one is picked, and all pairs are drawn: of four, the cheapest
// is in three of the six, the next one is the cheaper of two, and the dearest of none.
func TestTheDearestIsNeverPicked(t *testing.T) {
	gauges := make([]Gauge, 4)
	for i := range gauges {
		gauges[i].Observe(start, time.Duration(i+1)*time.Millisecond, 0, false)
	}
	got := shares(4, func(i int) *Gauge { return &gauges[i] })
	for i, sixths := range []int{3, 2, 1, 0} {
		if want := 1000 * sixths / 6; got[i] < want*85/100 || got[i] > want*115/100 {
			t.Errorf("candidate %d is picked %d times of 1000, want about %d", i, got[i], want)
		}
	}
}

// Those that are left out are never picked, and the cheaper of the two that are left is.
func TestSomeAreLeftOut(t *testing.T) {
	for cheaper, dearer := range map[int]int{3: 4, 4: 3} {
		gauges := make([]Gauge, 5)
		gauges[dearer].Begin()
		got := shares(5, func(i int) *Gauge {
			if i < 3 {
				return nil
			}
			return &gauges[i]
		})
		if got[cheaper] != 1000 {
			t.Errorf("picked %v, want candidate %d", got, cheaper)
		}
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
