package overlay

import (
	"errors"
	"slices"
	"time"

	"github.com/project-iris/iris/overlay/balance"
	"github.com/project-iris/iris/transport/outbox"
)

// maxRefusals is how many other nodes may refuse a request before it waits, and how many
// members and nodes a tunnel before it is given up.
const maxRefusals = 3

// outcome is what became of a request.
type outcome int

const (
	outcomeReply outcome = iota
	outcomeFault
)

var (
	// errLeft says that a member has left between being picked and being asked.
	errLeft = errors.New("member has left")
	// errFull says that a member has as many requests in hand as it may.
	errFull = errors.New("member has too many requests in hand")
)

// Request asks one member of a cluster. The answer comes to the member's handler
// under the id, which is the caller's own and opaque, by the time that timeout
// ends; at once if it is not positive. A closed member gets none. The body is
// borrowed.
func (m *Member) Request(id uint64, cluster, body []byte, timeout time.Duration) {
	deadline := time.Now().Add(timeout)
	m.mu.Lock()
	// Who has work in hand may need others to finish it.
	draining := m.overlay.stopping.Load() && m.load.Load() == 0
	closed, full := m.closed, m.calls.Len() >= m.overlay.config.OpenRequests
	var token uint64
	if timeout > 0 && !closed && !full && !draining {
		token = m.calls.Add(deadline, call{id: id})
		m.open.Add(1)
		m.alarm.set(deadline)
	}
	m.mu.Unlock()
	switch {
	case closed:
	case timeout <= 0:
		m.handler.HandleTimeout(id)
	case draining:
		m.handler.HandleFault(id, []byte(FaultDraining))
	case full:
		m.handler.HandleFault(id, []byte(FaultOverloaded))
	default:
		m.dispatch(attempt{token: token, cluster: cluster, body: body, deadline: deadline, wait: true})
	}
}

// dispatch hands an open request of this member to a member of the cluster, here or on
// another node, or holds it until there is one that has room.
func (m *Member) dispatch(a attempt) {
	for {
		full, gone := m.try(&a)
		if gone {
			return
		}
		if full.remote != nil && a.wait {
			patience := min(lanePatience, time.Until(a.deadline))
			if full.remote.ask(m, &a, full.gauge, patience) == nil {
				return
			}
		}
		switch m.overlay.holdForRoom(m, a) {
		case holdingDone:
			return
		case holdingRefused:
			m.answer(a.token, outcomeFault, []byte(FaultOverloaded), 0)
			return
		}
	}
}

// try asks one after the other who can take a request, until gone: it was taken, is held,
// or has its answer. Otherwise there is no room; full is a node that there is no room on
// the way to, if there is one.
func (m *Member) try(a *attempt) (full target, gone bool) {
	for a.refused.n < maxRefusals {
		to, verdict := m.overlay.route(m, a)
		var err error
		switch verdict {
		case routeHeld:
			return target{}, true
		case routeDraining:
			m.answer(a.token, outcomeFault, []byte(FaultDraining), 0)
			return target{}, true
		case routeNone:
			return full, false
		case routeMember:
			err = to.member.serve(m, a.token, a.body, a.deadline)
		case routeRemote:
			err = to.remote.ask(m, a, to.gauge, 0)
		}
		switch {
		case err == nil:
			return target{}, true
		case errors.Is(err, errLeft):
		case to.member != nil:
			a.refused.busy = true
			m.overlay.refused(to)
		default:
			if errors.Is(err, outbox.ErrFull) {
				full = to
			}
			a.refused.add(to, true)
		}
	}
	return full, false
}

// target is who can take a request: a member of this node, or another node.
type target struct {
	member *Member
	remote *remote
	gauge  *balance.Gauge // of the node, for the cluster
	made   uint64         // how often the member had made room when it was picked
	full   bool           // there is no member because all are full
}

func (t target) same(other target) bool { return t.member == other.member && t.remote == other.remote }

// refusals are the targets that have refused a request.
type refusals struct {
	all    [maxRefusals]target
	n      int
	busy   bool // one has refused because it has too much to do
	anyway bool // members that are full of requests are asked too
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
func (o *Overlay) route(from *Member, a *attempt) (target, verdict) {
	o.mu.Lock()
	defer o.mu.Unlock()
	c := o.clusters[string(a.cluster)]
	if c == nil || c.away == nil && o.net != nil {
		c = o.cluster(string(a.cluster))
		defer o.tidy(c)
		o.lookUp(c)
	}
	if c.crowded && a.number == 0 && a.refused.n == 0 && !o.draining && o.holdCrowded(c, from, *a) == holdingDone {
		return target{}, routeHeld
	}
	to, found := o.pick(c, &a.refused)
	switch {
	case found && to.member != nil:
		return to, routeMember
	case found:
		return to, routeRemote
	case a.refused.busy || len(c.members) > 0:
		return target{}, routeNone
	case o.draining:
		return target{}, routeDraining
	case o.net != nil && c.away == nil: // too many names are looked up
		return target{}, routeNone
	case !o.hold(c, from, *a):
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
	m.mu.Lock()
	_, still := m.served.Take(id)
	m.mu.Unlock()
	if !still {
		return nil // its caller has its answer: the deadline passed, or the member was closed
	}
	m.unload()
	return err
}

// admit puts a request into this member's hands.
func (m *Member) admit(from origin, token uint64, deadline time.Time) (id uint64, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	switch {
	case m.left || m.closed:
		return 0, errLeft
	case m.served.Len() >= m.overlay.config.OpenRequests:
		m.many = true
		return 0, errFull
	}
	id = m.served.Add(deadline, served{origin: from, token: token, since: time.Now()})
	m.alarm.set(deadline)
	return id, nil
}

// Reply answers a request that was handed to the member's handler. One that the
// member does not hold, because it answered before, or too late, or never got it,
// is ignored. The body is borrowed.
func (m *Member) Reply(id uint64, ok bool, body []byte) {
	m.mu.Lock()
	s, held := m.served.Take(id)
	room := held && m.makeRoom()
	m.mu.Unlock()
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
	if room {
		m.Resume()
	}
}

// isOpen reports whether a request of this member waits for its answer.
func (m *Member) isOpen(token uint64) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.calls.Has(token)
}

// answer ends a request of this member. Only the first answer counts.
func (m *Member) answer(token uint64, result outcome, body []byte, _ int64) {
	m.mu.Lock()
	c, open := m.calls.Take(token)
	m.mu.Unlock()
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
