package balance_test

import (
	"fmt"
	"math"
	"testing"
	"time"

	"github.com/project-iris/iris/overlay/balance"
)

// The chances are those that Pick has, by all that can be drawn.
func TestChancesAreThoseOfPick(t *testing.T) {
	now := time.Unix(1000, 0)
	out := math.NaN()
	for _, costs := range [][]float64{
		{}, {1}, {out}, {1, 2}, {2, 1}, {1, 1}, {out, 1}, {1, out, 2}, {out, out, 3, 1, 2}, {3, out, out, 1, out, 2, 2}, {out, out, out}, {4, 3, 2, 1},
	} {
		t.Run(fmt.Sprint(costs), func(t *testing.T) {
			gauges := make([]*balance.Gauge, len(costs))
			for i, cost := range costs {
				if !math.IsNaN(cost) {
					gauges[i] = new(balance.Gauge)
					gauges[i].Observe(now, time.Duration(cost*float64(time.Second)), 0, false)
				}
			}
			n := len(costs)
			want, all := make([]float64, n), 0.0
			for a := range n {
				for b := range max(n-1, 1) {
					draws := []int{a, b}
					draw := func(int) int {
						drawn := draws[0]
						draws = draws[1:]
						return drawn
					}
					all++
					if at := balance.Pick(now, n, draw, func(i int) *balance.Gauge { return gauges[i] }); at >= 0 {
						want[at]++
					}
				}
			}
			for i, got := range balance.Chances(costs) {
				if math.Abs(got-want[i]/all) > 1e-9 {
					t.Errorf("candidate %d has a chance of %v, Pick picks it in %v of %v", i, got, want[i], all)
				}
			}
		})
	}
}

// What a gauge says of itself makes its cost.
func TestMeasuredMakesTheCost(t *testing.T) {
	var g balance.Gauge
	now := time.Unix(1000, 0)
	if m := g.Measured(now); m.Known || m.Cost != g.Cost(now) {
		t.Errorf("nothing is known: %+v", m)
	}
	g.Begin()
	g.Observe(now, 200*time.Millisecond, 4, true)
	now = now.Add(500 * time.Millisecond)
	m := g.Measured(now)
	if !m.Known || m.Age != 500*time.Millisecond || m.UnderWay != 1 || m.Load != 2 || m.Cost != g.Cost(now) || m.Latency != 190*time.Millisecond {
		t.Errorf("measured: %+v, cost %v", m, g.Cost(now))
	}
	if m := g.MeasuredWith(now, 7); m.Load != 7 || m.Cost != g.CostWith(now, 7) {
		t.Errorf("with a load: %+v", m)
	}
}
