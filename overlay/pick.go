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
	case local != nil && (there == nil || o.preferLocal(local, there)):
		local.load.Add(1)
		return target{member: local}, true
	case there != nil:
		return target{remote: there}, true
	}
	return target{}, false
}

// pickRemote picks one of the nodes of a place that has not refused: the one of two at
// random that costs less (Mitzenmacher, The Power of Two Choices in Randomized Load
// Balancing, 2001). Overlay.mu is held.
func (o *Overlay) pickRemote(p *place, refused *refusals) *remote {
	if p == nil {
		return nil
	}
	p.used = true
	n := len(p.nodes)
	if n == 0 {
		return nil
	}
	now := time.Now()
	start := rand.IntN(n)
	var best *remote
	var least float64
	for i, seen := 0, 0; i < n && seen < 2; i++ {
		r := o.remotes[p.nodes[(start+i)%n]]
		if r == nil || r.ended() || refused.has(target{remote: r}) {
			continue
		}
		seen++
		if cost := r.gauge.cost(now); best == nil || cost < least {
			best, least = r, cost
		}
		if seen == 1 && n > 2 {
			start += rand.IntN(n - 1) // the second one is anybody, not the neighbour
		}
	}
	return best
}

// preferLocal decides between a member of this node and another node, on the same
// terms.
func (o *Overlay) preferLocal(m *Member, r *remote) bool {
	now := time.Now()
	return m.cost(now) <= r.gauge.cost(now)
}

// cost is what one more request would cost, as that of a gauge.
func (m *Member) cost(now time.Time) float64 {
	m.gauge.mu.Lock()
	defer m.gauge.mu.Unlock()
	return m.gauge.expect(now) * float64(m.load.Load()+1)
}
