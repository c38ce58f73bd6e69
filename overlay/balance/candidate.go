package balance

import (
	"math"
	"time"

	"github.com/project-iris/iris/overlay/wire"
)

// NodeID is the codec's.
type NodeID = wire.NodeID

// Candidate is a node that has members of a cluster. It stays valid when the node is
// no candidate any more; what is said of it then is forgotten with it.
type Candidate struct {
	id     NodeID
	inHand int // of this owner's requests
	known  bool

	latency  fading // nanoseconds
	reported fading // nanoseconds
	load     fading // requests
	members  float64
	faults   fading // share
	penalty  fading // nanoseconds
	refusals int    // in a row
}

// ID returns the node's id.
func (c *Candidate) ID() NodeID { return c.id }

// InHand returns how many requests of this owner the node has in hand.
func (c *Candidate) InHand() int { return c.inHand }

// Report is what a node says of itself with a reply.
type Report struct {
	Load    uint32        // requests that its members of the cluster have in hand
	Members uint32        // how many these are; zero is taken for one
	Latency time.Duration // from a request's arrival there to its answer, as the node averages it
}

// fading is a value that was so at a time, and falls towards zero.
type fading struct {
	value float64
	at    time.Time
}

// now returns what is left of the value.
func (f *fading) now(now time.Time, life time.Duration) float64 {
	if f.value == 0 {
		return 0
	}
	return f.value * kept(now.Sub(f.at), life)
}

// average moves the value towards a sample, the more the older it is. The first
// sample is the value.
func (f *fading) average(now time.Time, life time.Duration, sample float64) {
	if f.at.IsZero() {
		f.value, f.at = sample, now
		return
	}
	w := kept(now.Sub(f.at), life)
	f.value = f.value*w + sample*(1-w)
	f.at = now
}

// kept returns the share of a value that is left after some time. A clock that runs
// backwards stands still.
func kept(elapsed, life time.Duration) float64 {
	if elapsed <= 0 {
		return 1
	}
	return math.Exp(-float64(elapsed) / float64(life))
}

// peak raises the value to a sample that is above it, or else moves it towards it.
func (f *fading) peak(now time.Time, life time.Duration, sample float64) {
	if sample >= f.now(now, life) {
		f.value, f.at = sample, now
		return
	}
	f.average(now, life, sample)
}

// cost says how little a candidate is to be liked.
func (c *Candidate) cost(now time.Time, config *Config) float64 {
	latency := c.latency.now(now, config.Decay)
	latency = max(latency, c.reported.now(now, config.Decay), c.penalty.now(now, config.PenaltyLife))
	load := max(float64(c.inHand), c.load.now(now, config.ReportLife)) / max(c.members, 1)
	if !c.known && c.inHand > 0 {
		return math.MaxFloat64 / 4 * (1 + load/math.MaxUint32)
	}
	faults := c.faults.now(now, config.FaultLife)
	return latency * (load + 1) * (1 + config.FaultWeight*faults*faults)
}
