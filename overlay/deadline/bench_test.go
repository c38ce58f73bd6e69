package deadline

import (
	"testing"
	"time"
)

// steady keeps a number of values in the table: each call adds one and takes the
// oldest, as a node does whose requests are answered in order.
func steady(live int) (step func()) {
	var table Table[[2]uint64]
	now := epoch
	first := uint64(0)
	for range live {
		table.Add(now.Add(time.Minute), [2]uint64{})
	}
	return func() {
		now = now.Add(time.Millisecond)
		table.Add(now.Add(time.Minute), [2]uint64{})
		table.Take(first)
		first++
	}
}

func TestASteadyTableDoesNotAllocate(t *testing.T) {
	for _, live := range []int{0, 1, 100, 1000, 10_000} {
		step := steady(live)
		for range 10 * (live + 100) {
			step() // the map of ids reaches its size
		}
		if n := testing.AllocsPerRun(10_000, step); n != 0 {
			t.Errorf("with %d values: %v allocations for an Add and a Take", live, n)
		}
	}
}

func BenchmarkAddTake(b *testing.B) {
	for _, row := range []struct {
		name string
		live int
	}{{"1", 1}, {"1000", 1000}, {"60000", 60_000}} {
		b.Run(row.name, func(b *testing.B) {
			b.ReportAllocs()
			step := steady(row.live)
			for b.Loop() {
				step()
			}
		})
	}
}
