package balance

import (
	"testing"
	"time"
)

var start = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// answered returns a gauge of a node that has answered once, after a millisecond.
func answered() *Gauge {
	g := new(Gauge)
	g.Begin()
	g.Answered(start, time.Millisecond, 0, false)
	return g
}

// Each of these costs more than a node that has answered once.
func TestCosts(t *testing.T) {
	for _, row := range []struct {
		name  string
		worse func(g *Gauge)
	}{
		{"slow", func(g *Gauge) { g.Observe(start, 2*time.Millisecond, 0, false) }},
		{"slow once", func(g *Gauge) {
			g.Observe(start, time.Second, 0, false)
			for i := range 100 {
				g.Observe(start.Add(time.Duration(i)*time.Millisecond), time.Millisecond, 0, false)
			}
		}},
		{"busy with ours", func(g *Gauge) { g.Begin() }},
		{"busy with others", func(g *Gauge) { g.Observe(start, time.Millisecond, 2, false) }},
		{"nothing but faults", func(g *Gauge) {
			for i := range 100 {
				g.Observe(start.Add(time.Duration(i)*time.Millisecond), time.Microsecond, 0, true)
			}
		}},
		{"refuses", func(g *Gauge) {
			g.Begin()
			g.Refused(start, 0)
		}},
		{"loses", func(g *Gauge) {
			g.Begin()
			g.TimedOut(start, time.Second)
		}},
	} {
		now := start.Add(100 * time.Millisecond)
		good, bad := answered(), answered()
		row.worse(bad)
		if bad.Cost(now) <= good.Cost(now) {
			t.Errorf("%s: costs %g, not more than %g", row.name, bad.Cost(now), good.Cost(now))
		}
	}
}

// A few faults are no reason to ask somebody who is twice as slow.
func TestFewFaultsWeighLittle(t *testing.T) {
	g := new(Gauge)
	for i := range 1000 {
		g.Observe(start.Add(time.Duration(i)*time.Millisecond), 10*time.Millisecond, 0, i%50 == 0)
	}
	if cost := g.Cost(start.Add(time.Second)); cost > 0.02 {
		t.Errorf("one fault in fifty makes 10 ms cost as much as %g s", cost)
	}
}

// What was bad is tried again as time goes by: it costs no more than a good one that has
// a request in hand.
func TestBadTimesFade(t *testing.T) {
	for _, row := range []struct {
		name string
		bad  func(g *Gauge)
		life time.Duration
	}{
		{"slow", func(g *Gauge) { g.Observe(start, time.Second, 0, false) }, latencyLife},
		{"report", func(g *Gauge) { g.Observe(start, time.Millisecond, 1000, false) }, reportLife},
		{"refusal", func(g *Gauge) {
			g.Begin()
			g.Refused(start, 1000)
		}, latencyLife},
		{"faults", func(g *Gauge) {
			for range 200 {
				g.Observe(start, time.Millisecond, 0, true)
			}
		}, faultLife},
	} {
		g, good := answered(), answered()
		row.bad(g)
		later := start.Add(row.life)
		good.Observe(later, time.Millisecond, 0, false)
		good.Begin()
		if early := start.Add(row.life / 2); g.Cost(early) <= good.Cost(early) {
			t.Errorf("%s: forgotten after %v", row.name, row.life/2)
		}
		if g.Cost(later) > good.Cost(later) {
			t.Errorf("%s: not tried again after %v", row.name, row.life)
		}
	}
}

// Of those that nothing is known about, the one with the fewest requests is the best.
func TestUnknown(t *testing.T) {
	idle, busy := new(Gauge), new(Gauge)
	busy.Begin()
	if idle.Cost(start) <= 0 || idle.Cost(start) >= busy.Cost(start) {
		t.Errorf("idle costs %g, busy %g", idle.Cost(start), busy.Cost(start))
	}
	busy.Drop()
	if idle.Cost(start) != busy.Cost(start) {
		t.Error("a request that was dropped still counts")
	}
}

// A member and a node that were measured alike cost the same.
func TestCostWith(t *testing.T) {
	g := answered()
	g.Begin()
	g.Begin()
	if here, there := answered().CostWith(start, 2), g.Cost(start); here != there {
		t.Errorf("a member costs %g, a node %g", here, there)
	}
}

func TestClockRunsBackwards(t *testing.T) {
	g := answered()
	past := start.Add(-time.Hour)
	g.Observe(past, time.Millisecond, 1, true)
	if cost := g.Cost(past.Add(-time.Hour)); cost <= 0 || cost > 10 {
		t.Errorf("costs %g in the past", cost)
	}
}

func TestGaugeAllocatesNothing(t *testing.T) {
	gauges := make([]Gauge, 100)
	if n := testing.AllocsPerRun(1000, func() {
		i := Pick(start, len(gauges), draw, func(i int) *Gauge { return &gauges[i] })
		gauges[i].Begin()
		gauges[i].Answered(start, time.Millisecond, 1, false)
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
