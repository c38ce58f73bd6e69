package balance

import (
	"math"
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

// The numbers of the package comment: costs are in seconds times requests.
func TestCostsInNumbers(t *testing.T) {
	const ms = time.Millisecond
	for _, row := range []struct {
		name string
		do   func(g *Gauge)
		at   time.Duration // after the start
		want float64
	}{
		{"unknown", func(*Gauge) {}, 0, 100e-6},
		{"a slower answer replaces the average", func(g *Gauge) {
			g.Observe(start, ms, 0, false)
			g.Observe(start, 100*ms, 0, false)
		}, 0, 0.1},
		{"a faster one that follows at once hardly counts", func(g *Gauge) {
			g.Observe(start, 100*ms, 0, false)
			g.Observe(start, 0, 0, false)
		}, 0, 0.099},
		{"the longer nothing came, the more it counts", func(g *Gauge) {
			g.Observe(start, 100*ms, 0, false)
			g.Observe(start.Add(latencyLife/2), 0, 0, false)
		}, latencyLife / 2, 0.025},
		{"a refusal takes a second, and reports a load", func(g *Gauge) {
			g.Begin()
			g.Refused(start, 3)
		}, 0, 4},
		{"a loss takes its time, and reports nothing", func(g *Gauge) {
			g.Observe(start, ms, 3, false)
			g.Begin()
			g.TimedOut(start, 2*time.Second)
		}, 0, 8},
		{"the greater load counts", func(g *Gauge) {
			g.Observe(start, 10*ms, 3, false)
			g.Begin()
		}, 0, 0.04},
		{"a report counts half after half of its life", func(g *Gauge) { g.Observe(start, 10*ms, 3, false) }, reportLife / 2, 0.0095 * 2.5},
		{"faults count by the square of their share", func(g *Gauge) {
			g.Observe(start, 100*ms, 0, true)
			g.Observe(start, 100*ms, 0, false)
		}, 0, 0.1 + 0.95*0.95},
		{"all is forgotten in time", func(g *Gauge) { g.Observe(start, time.Second, 5, true) }, time.Hour, 100e-6},
		{"one that is forgotten begins anew", func(g *Gauge) {
			g.Observe(start, time.Second, 5, true)
			g.Observe(start.Add(time.Hour), 10*ms, 0, false)
		}, time.Hour, 0.01},
	} {
		g := new(Gauge)
		row.do(g)
		if cost := g.Cost(start.Add(row.at)); math.Abs(cost-row.want) > 1e-6 {
			t.Errorf("%s: costs %g, want %g", row.name, cost, row.want)
		}
	}
}

func TestEveryEndingEndsARequest(t *testing.T) {
	for name, end := range map[string]func(g *Gauge){
		"dropped":   (*Gauge).Drop,
		"answered":  func(g *Gauge) { g.Answered(start, time.Millisecond, 0, false) },
		"refused":   func(g *Gauge) { g.Refused(start, 0) },
		"timed out": func(g *Gauge) { g.TimedOut(start, time.Second) },
	} {
		g := new(Gauge)
		g.Begin()
		g.Begin()
		end(g)
		if n := g.UnderWay(); n != 1 {
			t.Errorf("%s: %d of two requests are under way, want the other one", name, n)
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
