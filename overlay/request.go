package overlay

import (
	"errors"
	"slices"
	"time"

	"github.com/project-iris/iris/overlay/balance"
	"github.com/project-iris/iris/overlay/calls"
	"github.com/project-iris/iris/transport/outbox"
)

// maxRefusals is how many members may refuse a request before its caller is told
// that the cluster is overloaded.
const maxRefusals = 3

// lanePatience is how long a request or an answer waits for room on the way to a node.
const lanePatience = time.Second

// outcome is what became of a request.
type outcome int

const (
	outcomeReply outcome = iota
	outcomeFault
)

// errLeft says that a member has left between being picked and being asked.
var errLeft = errors.New("member has left")

// Request asks one member of a cluster. The answer comes to the member's handler
// under the id, which is the caller's own and opaque, by the time that timeout
// ends; at once if it is not positive. A closed member gets none. The body is
// borrowed.
func (m *Member) Request(id uint64, cluster, body []byte, timeout time.Duration) {
	switch {
	case m.closed.Load():
		return
	case timeout <= 0:
		m.handler.HandleTimeout(id)
		return
	case m.overlay.stopping.Load() && m.load.Load() == 0: // who has work in hand may need others to finish it
		m.handler.HandleFault(id, []byte(FaultDraining))
		return
	}
	deadline := time.Now().Add(timeout)
	m.open.Add(1)
	token, err := m.asked.Add(deadline, request{id: id})
	switch {
	case err == nil:
		m.dispatch(token, cluster, body, deadline, refusals{}, true)
		return
	case errors.Is(err, calls.ErrFull):
		m.handler.HandleFault(id, []byte(FaultOverloaded))
	}
	m.closeRequest()
}

// dispatch hands an open request of this member to a member of the cluster, here or on
// another node, or holds it until there is one. If there is no room on the way to all
// that could take it, it waits for some if wait is set, and otherwise holds it for a
// moment. The refused have had their chance.
func (m *Member) dispatch(token uint64, cluster, body []byte, deadline time.Time, refused refusals, wait bool) {
	var full target // there was no room on the way to it
	for refused.n < maxRefusals {
		to, verdict := m.overlay.route(m, token, cluster, body, deadline, &refused)
		var err error
		switch verdict {
		case routeHeld:
			return
		case routeDraining:
			m.answer(token, outcomeFault, []byte(FaultDraining), 0)
			return
		case routeMember:
			err = to.member.serve(m, token, body, deadline)
		case routeRemote:
			err = to.remote.ask(m, token, cluster, body, deadline, refused, to.gauge, 0)
			if errors.Is(err, outbox.ErrFull) {
				full = to
			}
		}
		if verdict == routeNone {
			break
		}
		if err == nil {
			return
		}
		if !errors.Is(err, errLeft) {
			refused.add(to, true)
		}
	}
	switch {
	case full.remote == nil:
	case !wait:
		if m.overlay.holdForRoom(m, token, cluster, body, deadline) {
			return
		}
	default:
		patience := min(lanePatience, time.Until(deadline))
		if full.remote.ask(m, token, cluster, body, deadline, refused, full.gauge, patience) == nil {
			return
		}
	}
	m.answer(token, outcomeFault, []byte(FaultOverloaded), 0)
}

// target is who can take a request: a member of this node, or another node.
type target struct {
	member *Member
	remote *remote
	gauge  *balance.Gauge // of the node, for the cluster
}

func (t target) same(other target) bool { return t.member == other.member && t.remote == other.remote }

// refusals are the targets that have refused a request.
type refusals struct {
	all  [maxRefusals]target
	n    int
	busy bool // one has refused because it has too much to do
}

func (r *refusals) add(t target, busy bool) {
	if r.n < maxRefusals {
		r.all[r.n] = t
		r.n++
	}
	r.busy = r.busy || busy
}

func (r *refusals) has(t target) bool { return slices.ContainsFunc(r.all[:r.n], t.same) }

// verdict is what route found.
type verdict int

const (
	routeMember   verdict = iota // a member of this node was picked
	routeRemote                  // another node was picked
	routeHeld                    // the request waits for a member
	routeNone                    // all have refused, or it cannot wait
	routeDraining                // this node is being stopped
)

// route picks who gets a request, or holds it.
func (o *Overlay) route(from *Member, token uint64, name, body []byte, deadline time.Time, refused *refusals) (target, verdict) {
	o.mu.Lock()
	defer o.mu.Unlock()
	c := o.clusters[string(name)]
	if c == nil || c.away == nil && o.net != nil {
		c = o.cluster(string(name))
		defer o.tidy(c)
		o.lookUp(c)
	}
	to, found := o.pick(c, refused)
	switch {
	case found && to.member != nil:
		return to, routeMember
	case found:
		return to, routeRemote
	case refused.busy || len(c.members) > 0:
		return target{}, routeNone
	case o.draining:
		return target{}, routeDraining
	case o.net != nil && c.away == nil: // too many names are looked up
		return target{}, routeNone
	case !o.hold(c, from, token, body, deadline):
		return target{}, routeNone
	}
	return target{}, routeHeld
}

// serve hands a request to this member, for which it was picked. An error means
// that it was not handed over.
func (m *Member) serve(from origin, token uint64, body []byte, deadline time.Time) error {
	id, err := m.admit(from, token, deadline)
	if err != nil {
		m.unload()
		return err
	}
	err = m.handler.HandleRequest(id, body, max(time.Until(deadline), 1))
	if err == nil {
		return nil
	}
	if _, still := m.served.Take(id); !still {
		return nil // its caller has its answer: the deadline passed, or the member was closed
	}
	m.unload()
	return err
}

// admit puts a request into this member's hands.
func (m *Member) admit(from origin, token uint64, deadline time.Time) (id uint64, err error) {
	if m.left.Load() {
		return 0, errLeft
	}
	id, err = m.served.Add(deadline, served{origin: from, token: token, since: time.Now()})
	if errors.Is(err, calls.ErrClosed) {
		err = errLeft
	}
	return id, err
}

// Reply answers a request that was handed to the member's handler. One that the
// member does not hold, because it answered before, or too late, or never got it,
// is ignored. The body is borrowed.
func (m *Member) Reply(id uint64, ok bool, body []byte) {
	s, held := m.served.Take(id)
	if !held {
		return
	}
	result := outcomeReply
	if !ok {
		result = outcomeFault
	}
	m.gauge.Observe(time.Now(), time.Since(s.since), 0, !ok)
	s.origin.answer(s.token, result, body, m.load.Load())
	m.unload() // afterwards, as whoever waits for it may end the caller next
}

// isOpen reports whether a request of this member waits for its answer.
func (m *Member) isOpen(token uint64) bool { return m.asked.Has(token) }

// answer ends a request of this member. Only the first answer counts.
func (m *Member) answer(token uint64, result outcome, body []byte, _ int64) {
	c, open := m.asked.Take(token)
	if !open {
		return
	}
	switch result {
	case outcomeReply:
		m.handler.HandleReply(c.id, body)
	case outcomeFault:
		m.handler.HandleFault(c.id, body)
	}
	m.closeRequest()
}

// timedOut answers a request of this member whose deadline has passed.
func (m *Member) timedOut(token uint64, c request) {
	m.overlay.drop(m, token)
	m.handler.HandleTimeout(c.id)
	m.closeRequest()
}

// overdue gives up a request in this member's hands whose deadline has passed. Its caller
// is answered by its own clock.
func (m *Member) overdue(_ uint64, s served) {
	now := time.Now()
	m.gauge.Observe(now, now.Sub(s.since), 0, false)
	m.unload()
}
