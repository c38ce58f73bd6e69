package overlay

import (
	"math/rand/v2"
	"time"

	"github.com/project-iris/iris/overlay/balance"
)

// pick picks who gets a request or a tunnel: a member of this node, which is counted one
// more, or another node. Overlay.mu is held.
func (o *Overlay) pick(c *cluster, refused *refusals) (to target, found bool) {
	local := c.pick(refused)
	there := o.pickRemote(c.away, refused)
	switch {
	case local != nil && (there.remote == nil || preferLocal(local, there.gauge)):
		local.load.Add(1)
		return target{member: local, made: local.room.made}, true
	case there.remote != nil:
		return there, true
	}
	return target{}, false
}

// pickRemote picks one of the nodes of a place that has not refused. Overlay.mu is held.
func (o *Overlay) pickRemote(p *place, refused *refusals) target {
	if p == nil || refused.n == maxRefusals {
		return target{}
	}
	p.used = true
	at := balance.Pick(time.Now(), len(p.nodes), rand.IntN, func(i int) *balance.Gauge {
		r := o.remotes[p.nodes[i]]
		if r == nil || r.ended() || refused.has(target{remote: r}) {
			return nil
		}
		return p.gauge(r.id)
	})
	if at < 0 {
		return target{}
	}
	r := o.remotes[p.nodes[at]]
	return target{remote: r, gauge: p.gauge(r.id)}
}

// preferLocal decides between a member of this node and another node, on the same
// terms.
func preferLocal(m *Member, there *balance.Gauge) bool {
	now := time.Now()
	return m.gauge.CostWith(now, m.load.Load()) <= there.Cost(now)
}
