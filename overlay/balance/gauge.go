package balance

import (
	"sync"
	"sync/atomic"
	"time"
)

// The package comment says what these are for.
const (
	latencyLife    = 10 * time.Second
	leastLatency   = 100 * time.Microsecond
	reportLife     = time.Second
	refusalPenalty = time.Second
	faultPenalty   = time.Second
	faultLife      = 5 * time.Second
	// faultWeight is what one answer counts for in the share of faults at the least.
	faultWeight = 0.05
	// latencyWeight is what one answer counts for in the average at the least.
	latencyWeight = 0.01
)

// Gauge measures what a node takes to answer for a cluster, as its peer sees it, or what
// a member takes. The zero Gauge knows nothing. It is safe for concurrent use.
type Gauge struct {
	underWay atomic.Int64

	mu       sync.Mutex
	latency  time.Duration // moving average; zero: nothing is known
	load     uint64        // that was reported last
	at       time.Time     // of the last measurement
	faults   float64       // moving average of their share of the answers
	faultsAt time.Time     // when it was so
}

// Begin counts a request that is under way. One of Drop, Answered, Refused and TimedOut
// has to follow.
func (g *Gauge) Begin() { g.underWay.Add(1) }

// Drop counts a request that is under way no longer, and says nothing about the node.
func (g *Gauge) Drop() { g.underWay.Add(-1) }

// UnderWay returns how many requests are under way.
func (g *Gauge) UnderWay() int64 { return g.underWay.Load() }

// Answered notes the answer to a request, and the load that came with it.
func (g *Gauge) Answered(now time.Time, took time.Duration, load uint64, fault bool) {
	g.underWay.Add(-1)
	g.Observe(now, took, load, fault)
}

// Refused notes that the node has too much to do.
func (g *Gauge) Refused(now time.Time, load uint64) {
	g.underWay.Add(-1)
	g.mu.Lock()
	defer g.mu.Unlock()
	g.measure(now, refusalPenalty, load)
}

// TimedOut counts a request that was not answered in the time that it had as one that
// was answered then.
func (g *Gauge) TimedOut(now time.Time, took time.Duration) {
	g.underWay.Add(-1)
	g.mu.Lock()
	defer g.mu.Unlock()
	g.measure(now, took, g.load)
}

// Observe is Answered for a request that was not counted by Begin.
func (g *Gauge) Observe(now time.Time, took time.Duration, load uint64, fault bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.measure(now, took, load)
	share := g.faultShare(now)
	weight := max(faultWeight, 1-fresh(now, g.faultsAt, faultLife))
	g.faults, g.faultsAt = share*(1-weight), now
	if fault {
		g.faults += weight
	}
}

// measure takes a latency into the average. The lock is held.
func (g *Gauge) measure(now time.Time, took time.Duration, load uint64) {
	old := g.faded(now)
	weight := max(latencyWeight, 1-fresh(now, g.at, latencyLife))
	if took >= old {
		weight = 1
	}
	g.latency = old + time.Duration(weight*float64(took-old))
	g.load, g.at = load, now
}

// Cost is what one more request would cost, in seconds times requests.
func (g *Gauge) Cost(now time.Time) float64 {
	g.mu.Lock()
	defer g.mu.Unlock()
	load := max(float64(g.underWay.Load()), float64(g.load)*fresh(now, g.at, reportLife))
	return g.expect(now) * (load + 1)
}

// CostWith is Cost for a member whose load is known.
func (g *Gauge) CostWith(now time.Time, load int64) float64 {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.expect(now) * float64(load+1)
}

// expect returns how long an answer should take, in seconds, and more where answers are
// faults. The lock is held.
func (g *Gauge) expect(now time.Time) float64 {
	share := g.faultShare(now)
	return max(g.faded(now), leastLatency).Seconds() + share*share*faultPenalty.Seconds()
}

// faultShare returns what is left of the share of faults. The lock is held.
func (g *Gauge) faultShare(now time.Time) float64 {
	return g.faults * fresh(now, g.faultsAt, faultLife)
}

// faded returns what is left of the average. The lock is held.
func (g *Gauge) faded(now time.Time) time.Duration {
	return time.Duration(fresh(now, g.at, latencyLife) * float64(g.latency))
}

// fresh falls from 1 to 0 within a life after a time. A clock that runs backwards stands
// still.
func fresh(now, at time.Time, life time.Duration) float64 {
	return 1 - max(0, min(float64(now.Sub(at))/float64(life), 1))
}
