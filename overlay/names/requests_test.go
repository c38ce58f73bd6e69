package names

import (
	"fmt"
	"slices"
	"time"

	"github.com/project-iris/iris/overlay/balance"
)

// call is a request.
type call struct {
	number   int // of all
	from     *member
	token    uint64
	cluster  string
	deadline time.Time
	attempt  Attempt
	at       *node // that was asked; nil: none is
	gauge    *balance.Gauge
	sent     time.Time // there
	load     int64     // that the member had which has answered
	runs     int
	waited   string // the cluster where it did, if it was asked another node then
	answer   string
	answered time.Time
}

func (c *call) String() string { return fmt.Sprint("request ", c.number) }

func (w *world) find(from *member, token uint64) *call {
	i := slices.IndexFunc(w.calls, func(c *call) bool { return c.from == from && c.token == token })
	if i < 0 {
		return nil
	}
	return w.calls[i]
}

// ask sends a request.
func (m *member) ask(cluster string, timeout time.Duration) *call {
	w := m.node.world
	m.tokens++
	c := &call{number: len(w.calls) + 1, from: m, token: m.tokens, cluster: cluster, deadline: w.now.Add(timeout)}
	c.attempt = Attempt{Token: c.token, Cluster: []byte(cluster), Body: []byte("body"), Deadline: c.deadline, Impatient: m.hasty}
	w.calls = append(w.calls, c)
	w.spell(cluster)
	w.note("%v asks %s, within %v: %v", m, cluster, timeout, c)
	w.after(timeout, func() {
		if c.answer == "" {
			c.end("timed out")
			m.node.names.Unhold(m, c.token)
			m.node.settle()
		}
	})
	m.node.dispatch(c)
	m.node.settle()
	return c
}

// end answers a request.
func (c *call) end(answer string) {
	w := c.from.node.world
	if c.answer != "" {
		w.t.Errorf("%v is answered with %q, then %q", c, c.answer, answer)
	}
	w.happens("%v is answered: %s", c, answer)
	c.answer, c.answered = answer, w.now
	if c.gauge == nil {
		return
	}
	switch took := w.now.Sub(c.sent); answer {
	case "reply":
		c.gauge.Answered(w.now, took, uint64(c.load), false)
	case "timed out":
		c.gauge.TimedOut(w.now, took)
	default:
		c.gauge.Drop()
	}
	c.gauge, c.at = nil, nil
}

// dispatch hands a request to somebody, or holds it, as the overlay does.
func (n *node) dispatch(c *call) {
	for {
		if n.try(c) {
			return
		}
		switch n.names.HoldForRoom(n.world.now, c.from, &c.attempt) {
		case HoldsIt:
			n.world.happens("%v holds %v, for room", n, c)
			return
		case CannotHold:
			n.world.happens("%v cannot hold %v", n, c)
			c.end("overloaded")
			return
		}
	}
}

// try asks one after the other who can take a request. It reports whether that was done with
// it.
func (n *node) try(c *call) bool {
	for {
		to, verdict := n.names.PickOrHold(n.world.now, c.from, &c.attempt)
		switch {
		case verdict == Held:
			n.world.happens("%v holds %v", n, c)
			return true
		case verdict == Draining:
			c.end("draining")
			return true
		case verdict == Nobody:
			if !c.attempt.Impatient || len(n.names.Members(c.attempt.Cluster)) > 0 {
				n.world.t.Errorf("%v, impatient %v: nobody serves %s", c, c.attempt.Impatient, c.cluster)
			}
			c.end("nobody")
			return true
		case verdict != Picked:
			n.world.happens("%v has nobody else for %v", n, c)
			return false
		case to.Member == nil:
			n.give(c, to)
			return true
		case n.hand(c, to):
			return true
		case !to.Member.(*member).gone:
			c.attempt.Refused.AddMember()
		}
	}
}

// hand hands a request to a member that was picked for it. It reports whether that took it.
func (n *node) hand(c *call, to Target) bool {
	m := to.Member.(*member)
	n.world.happens("%v picks %v for %v", n, m, c)
	if m.serve(c) {
		return true
	}
	n.world.happens("%v refuses %v", m, c)
	if !m.gone {
		n.names.Refused(to)
	}
	return false
}

// give sends a request to another node.
func (n *node) give(c *call, to Target) {
	to.Gauge.Begin()
	c.gauge, c.sent = to.Gauge, n.world.now
	c.at = n.world.byID[to.Node]
	n.world.happens("%v picks %v for %v", n, c.at, c)
	other := c.at
	waited := c.attempt.Waited
	n.send(other, func() {
		taken, crowded := other.receive(c)
		if taken {
			c.waited = waited
			return
		}
		other.send(n, func() { n.back(c, to, crowded) })
	})
}

// receive hands a request of another node to a member. It reports whether one took it, or else
// whether there are some that have no room.
func (n *node) receive(c *call) (taken, crowded bool) {
	for {
		to, full := n.names.PickLocal([]byte(c.cluster), &Refusals{})
		crowded = crowded || full != nil
		if to.Member == nil {
			n.world.happens("%v sends %v back: %s", n, c, map[bool]string{false: "no member", true: "no room"}[crowded])
			return false, crowded
		}
		if n.hand(c, to) {
			return true, false
		}
	}
}

// back takes a request that another node has sent back.
func (n *node) back(c *call, to Target, crowded bool) {
	if c.answer != "" {
		return
	}
	if crowded {
		c.gauge.Refused(n.world.now, uint64(c.load))
	} else {
		c.gauge.Drop()
	}
	c.gauge, c.at = nil, nil
	c.attempt = c.attempt.Back([]byte(c.cluster), []byte("body"))
	c.attempt.Refused.Add(Target{Node: to.Node}, crowded)
	n.dispatch(c)
	n.settle()
}

// serve takes a request, and answers it after a while. It reports whether it did.
func (m *member) serve(c *call) bool {
	if m.gone || m.busy {
		m.load--
		return false
	}
	w := m.node.world
	m.served++
	if m.spare > 0 {
		m.spare--
		m.busy = m.spare == 0
	}
	if c.runs++; c.runs > 1 {
		w.t.Errorf("%v ran %d times", c, c.runs)
	}
	since := w.now
	w.after(m.takes(), func() {
		c.load = m.load
		m.load--
		m.gauge.Observe(w.now, w.now.Sub(since), 0, false)
		switch {
		case m.gone:
		case m.node == c.from.node:
			c.reply()
		default:
			m.node.send(c.from.node, c.reply)
		}
	})
	return true
}

// reply is the answer of a member.
func (c *call) reply() {
	if c.answer == "" {
		c.end("reply")
	}
	if n := c.from.node; c.waited != "" {
		n.resume(n.names.Answered(c.waited))
		n.settle()
	}
}

// tunnel opens a tunnel to a member of a cluster, or waits for one.
func (m *member) tunnel(cluster string) {
	n, w := m.node, m.node.world
	w.spell(cluster)
	switch to, verdict := n.names.Pick(w.now, m, []byte(cluster), &Refusals{}); verdict {
	case Picked:
		if to.Member != nil {
			w.happens("%v picks %v for a tunnel of %v", n, to.Member, m)
			break
		}
		w.happens("%v picks %v for a tunnel of %v", n, w.byID[to.Node], m)
	case Nobody:
		w.happens("a tunnel of %v waits", m)
		n.names.Wait(w.now, m, []byte(cluster), func() { m.tunnel(cluster) })
	case Draining:
		w.happens("a tunnel of %v is given up: draining", m)
	default:
		w.happens("a tunnel of %v is refused", m)
	}
	n.settle()
}
