package balance

import (
	"math/bits"
	"math/rand/v2"
	"slices"
	"time"
)

// Balancer picks among the nodes that have members of one cluster. Its owner calls
// one method at a time.
type Balancer struct {
	config     Config
	random     rand.Source
	candidates []*Candidate
	typical    fading // latency of replies, as that of a candidate
}

// New returns a balancer without candidates. Equal random numbers, times and calls
// give equal picks.
func New(config Config, random rand.Source) *Balancer {
	return &Balancer{config: config.withDefaults(), random: random}
}

// SetNodes says which nodes are candidates from now on, each once; that of its owner
// is to be one of them if it has members. What is known of those that stay is kept.
func (b *Balancer) SetNodes(nodes []NodeID) {
	before := make(map[NodeID]*Candidate, len(b.candidates))
	for _, c := range b.candidates {
		before[c.id] = c
	}
	b.candidates = make([]*Candidate, len(nodes))
	for i, id := range nodes {
		c := before[id]
		if c == nil {
			c = &Candidate{id: id}
		}
		b.candidates[i] = c
	}
}

// Len returns how many candidates there are.
func (b *Balancer) Len() int { return len(b.candidates) }

// Pick returns the node that a request is to be handed to, nil if all have refused
// it or there are none, and counts the request as in its hands. One of Answered,
// Refused and Lost has to follow. It allocates nothing.
func (b *Balancer) Pick(now time.Time, refused []*Candidate) *Candidate {
	n := len(b.candidates)
	if len(refused) > 0 {
		n = 0
		for _, c := range b.candidates {
			if !slices.Contains(refused, c) {
				n++
			}
		}
	}
	c := b.better(now, n, refused)
	if c != nil {
		c.inHand++
	}
	return c
}

// better returns the cheaper of two of the n candidates that have not refused.
func (b *Balancer) better(now time.Time, n int, refused []*Candidate) *Candidate {
	switch n {
	case 0:
		return nil
	case 1:
		return b.nth(0, refused)
	}
	i, j := b.draw(n), b.draw(n-1)
	if j >= i {
		j++
	}
	first, second := b.nth(i, refused), b.nth(j, refused)
	if second.cost(now, &b.config) < first.cost(now, &b.config) {
		return second
	}
	return first
}

// nth returns the candidate at a place among those that have not refused.
func (b *Balancer) nth(place int, refused []*Candidate) *Candidate {
	if len(refused) == 0 {
		return b.candidates[place]
	}
	for _, c := range b.candidates {
		if slices.Contains(refused, c) {
			continue
		}
		if place == 0 {
			return c
		}
		place--
	}
	return nil
}

// draw returns a random number below n. The bias of the multiplication is below
// n/2^64.
func (b *Balancer) draw(n int) int {
	high, _ := bits.Mul64(b.random.Uint64(), uint64(n))
	return int(high)
}

// Answered says that a node has answered a request with a reply or, if fault is
// set, with a fault of the service, after some time. For a request that a node
// served for its own applications, report is what it would have said to another.
func (b *Balancer) Answered(now time.Time, c *Candidate, latency time.Duration, fault bool, report Report) {
	b.unload(c)
	b.observe(now, c, float64(max(latency, 1)), fault)
	b.fail(now, c, fault)
	c.known, c.refusals = true, 0
	c.load = fading{float64(report.Load), now}
	c.members = float64(max(report.Members, 1))
	c.reported = fading{float64(max(report.Latency, 0)), now}
}

// observe counts the latency of an answer. Faults are as slow as replies of anybody are,
// at least, and make nobody faster.
func (b *Balancer) observe(now time.Time, c *Candidate, sample float64, fault bool) {
	switch {
	case !fault:
		b.typical.peak(now, b.config.Decay, sample)
		c.latency.peak(now, b.config.Decay, sample)
	case max(sample, b.typical.value) >= c.latency.now(now, b.config.Decay):
		c.latency = fading{max(sample, b.typical.value), now}
	default:
		c.latency.at = now
	}
}

// Refused says that a node has not taken a request, as it is overloaded or has no
// members any more.
func (b *Balancer) Refused(now time.Time, c *Candidate) {
	b.unload(c)
	penalty := b.config.Penalty << min(c.refusals, 4)
	c.penalty = fading{float64(penalty), now}
	c.refusals++
	c.known = true
}

// Lost says that there is no answer after some time, as the deadline has passed or
// the node is gone.
func (b *Balancer) Lost(now time.Time, c *Candidate, waited time.Duration) {
	b.unload(c)
	b.observe(now, c, float64(waited), true)
	b.fail(now, c, true)
	c.known = true
}

// Dropped says that a request needs no answer any more, though it might have come.
func (b *Balancer) Dropped(c *Candidate) { b.unload(c) }

// fail counts an answer into the share of faults.
func (b *Balancer) fail(now time.Time, c *Candidate, fault bool) {
	var sample float64
	if fault {
		sample = 1
	}
	c.faults.average(now, b.config.FaultLife, sample)
}

func (b *Balancer) unload(c *Candidate) {
	c.inHand = max(c.inHand-1, 0)
}
