package balance

import (
	"math"
	"time"
)

// Measured is what a [Gauge] knows, and the cost that this makes.
type Measured struct {
	Known    bool          // something was measured; else the cost is that of the least latency
	Age      time.Duration // since the last measurement, if one is known
	Latency  time.Duration // what is left of the moving average
	Faults   float64       // what is left of their share of the answers
	UnderWay int64         // requests of this node
	Load     float64       // that counts: what is under way, or was reported, or is known
	Cost     float64       // in seconds times requests
}

// Measured returns what [Gauge.Cost] is made of.
func (g *Gauge) Measured(now time.Time) Measured {
	g.mu.Lock()
	defer g.mu.Unlock()
	underWay := g.underWay.Load()
	return g.measured(now, underWay, max(float64(underWay), float64(g.load)*fresh(now, g.at, reportLife)))
}

// MeasuredWith returns what [Gauge.CostWith] is made of.
func (g *Gauge) MeasuredWith(now time.Time, load int64) Measured {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.measured(now, load, float64(load))
}

// measured says what is known. The lock is held.
func (g *Gauge) measured(now time.Time, underWay int64, load float64) Measured {
	m := Measured{Latency: g.faded(now), Faults: g.faultShare(now), UnderWay: underWay, Load: load, Cost: g.expect(now) * (load + 1)}
	if m.Known = !g.at.IsZero(); m.Known {
		m.Age = max(now.Sub(g.at), 0)
	}
	return m
}

// Chances returns the chance that [Pick] has of each candidate, by their costs; those that are
// left out have NaN. Where none can be picked all chances are zero.
func Chances(costs []float64) []float64 {
	n := len(costs)
	chances := make([]float64, n)
	// Each candidate is drawn for itself and for those left out before it.
	after := make([]int, n) // the candidate at an index, or the next one round about
	next := -1
	for i := range 2 * n {
		at := 2*n - 1 - i
		if !math.IsNaN(costs[at%n]) {
			next = at % n
		}
		after[at%n] = next
	}
	if next < 0 {
		return chances
	}
	draws := make([]int, n)
	for _, at := range after {
		draws[at]++
	}
	if n == 1 {
		chances[0] = 1
		return chances
	}
	for first, times := range draws {
		if times == 0 {
			continue
		}
		one := float64(times) / float64(n)
		meet := func(second, times int) {
			winner := first
			if second != first && costs[first] > costs[second] {
				winner = second
			}
			chances[winner] += one * float64(times) / float64(n-1)
		}
		for second, times := range draws {
			if second != first && times > 0 {
				meet(second, times)
			}
		}
		meet(after[(first+1)%n], times-1) // draws of those left out before the first lead behind it
	}
	return chances
}
