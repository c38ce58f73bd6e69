package overlay

import (
	"math/rand/v2"
	"time"
)

// pick picks who gets a request or a tunnel: a member of this node, which is counted one
// more, or another node. Overlay.mu is held.
func (o *Overlay) pick(c *cluster, refused *refusals) (to target, found bool) {
	local := c.pick(refused)
	there := o.pickRemote(c.away, refused)
	switch {
	case local != nil && (there.remote == nil || preferLocal(local, there.gauge)):
		local.load.Add(1)
		return target{member: local}, true
	case there.remote != nil:
		return there, true
	}
	return target{}, false
}

// pickRemote picks one of the nodes of a place that has not refused: the one of two at
// random that costs less (Mitzenmacher, The Power of Two Choices in Randomized Load
// Balancing, 2001). Overlay.mu is held.
func (o *Overlay) pickRemote(p *place, refused *refusals) (best target) {
	if p == nil {
		return best
	}
	p.used = true
	n := len(p.nodes)
	if n == 0 {
		return best
	}
	now := time.Now()
	start := rand.IntN(n)
	var least float64
	for i, seen := 0, 0; i < n && seen < 2; i++ {
		r := o.remotes[p.nodes[(start+i)%n]]
		if r == nil || r.ended() || refused.has(target{remote: r}) {
			continue
		}
		seen++
		g := p.gauge(r.id)
		if cost := g.cost(now); best.remote == nil || cost < least {
			best, least = target{remote: r, gauge: g}, cost
		}
		if seen == 1 && n > 2 {
			start += rand.IntN(n - 1) // the second one is anybody, not the neighbour
		}
	}
	return best
}

// preferLocal decides between a member of this node and another node, on the same
// terms.
func preferLocal(m *Member, there *gauge) bool {
	now := time.Now()
	return m.gauge.costWith(now, m.load.Load()) <= there.cost(now)
}
