package overlay

import (
	"sync"
	"sync/atomic"
	"time"
)

// gauge measures what a node takes to answer for a cluster, as its peer sees it, or what
// a member takes: a peak-sensitive moving average of the latency, times what is under
// way. A node that is slow for one cluster, or refuses, may be fine for another.
type gauge struct {
	underWay atomic.Int64

	mu       sync.Mutex
	latency  time.Duration // moving average; zero: nothing is known
	load     uint64        // that the node reported last
	at       time.Time     // of the last measurement
	faults   float64       // moving average of their share of the answers
	faultsAt time.Time     // when it was so
}

// The moving average follows a rise at once and a fall within gaugeDecay, as in
// Finagle's peak EWMA; a refusal counts as an answer that took refusalPenalty. It fades
// in gaugeDecay without an answer, so that who was slow is tried again, and is never
// less than gaugeFloor: of those that nothing is known about, the one with the fewest
// requests is the best.
//
// Faults are fast, and must not look good: a node that answers with nothing else counts
// as faultPenalty slower. The penalty goes with the square of their share, so that a few,
// as services say "not found", weigh little; where all fail alike it changes nothing. The
// share follows what comes, and is forgotten, within faultDecay.
const (
	gaugeDecay     = 10 * time.Second
	gaugeFloor     = 100 * time.Microsecond
	loadDecay      = time.Second
	refusalPenalty = time.Second
	faultPenalty   = time.Second
	faultDecay     = 5 * time.Second
	// faultWeight is what one answer counts for in the share of faults at the least.
	faultWeight = 0.05
)

func (g *gauge) begin()   { g.underWay.Add(1) }
func (g *gauge) abandon() { g.underWay.Add(-1) }

// end notes an answer.
func (g *gauge) end(took time.Duration, load uint64, fault bool) {
	g.underWay.Add(-1)
	g.observe(took, load, fault)
}

// refuse notes that the node has too much to do.
func (g *gauge) refuse(load uint64) {
	g.underWay.Add(-1)
	g.mu.Lock()
	defer g.mu.Unlock()
	g.measure(time.Now(), refusalPenalty, load)
}

// timeout counts a request that was not answered in the time that it had as one that
// was answered then.
func (g *gauge) timeout(took time.Duration) {
	g.underWay.Add(-1)
	g.mu.Lock()
	defer g.mu.Unlock()
	g.measure(time.Now(), took, g.load)
}

// observe notes an answer of which no begin was told.
func (g *gauge) observe(took time.Duration, load uint64, fault bool) {
	now := time.Now()
	g.mu.Lock()
	defer g.mu.Unlock()
	g.measure(now, took, load)
	share := g.faultShare(now)
	weight := max(faultWeight, min(float64(now.Sub(g.faultsAt))/float64(faultDecay), 1))
	g.faults, g.faultsAt = share*(1-weight), now
	if fault {
		g.faults += weight
	}
}

// measure takes a latency into the average. The lock is held.
func (g *gauge) measure(now time.Time, took time.Duration, load uint64) {
	old := g.faded(now)
	weight := max(0.01, 1-g.fresh(now))
	if took >= old {
		weight = 1
	}
	g.latency = old + time.Duration(weight*float64(took-old))
	g.load, g.at = load, now
}

// cost is what one more request would cost a node, in seconds times requests.
func (g *gauge) cost(now time.Time) float64 {
	g.mu.Lock()
	defer g.mu.Unlock()
	load := float64(g.underWay.Load())
	if age := now.Sub(g.at); age < loadDecay {
		load = max(load, float64(g.load)*(1-float64(age)/float64(loadDecay)))
	}
	return g.expect(now) * (load + 1)
}

// costWith is cost for a member, whose load is known.
func (g *gauge) costWith(now time.Time, load int64) float64 {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.expect(now) * float64(load+1)
}

// expect returns how long an answer should take, in seconds, and more for one that is
// no good. The lock is held.
func (g *gauge) expect(now time.Time) float64 {
	share := g.faultShare(now)
	return max(g.faded(now), gaugeFloor).Seconds() + share*share*faultPenalty.Seconds()
}

// faultShare returns what is left of the share of faults. The lock is held.
func (g *gauge) faultShare(now time.Time) float64 {
	return g.faults * (1 - min(float64(now.Sub(g.faultsAt))/float64(faultDecay), 1))
}

// faded returns what is left of the average. The lock is held.
func (g *gauge) faded(now time.Time) time.Duration {
	return time.Duration(g.fresh(now) * float64(g.latency))
}

// fresh falls from 1 to 0 within gaugeDecay after an answer. The lock is held.
func (g *gauge) fresh(now time.Time) float64 {
	return 1 - min(float64(now.Sub(g.at))/float64(gaugeDecay), 1)
}
