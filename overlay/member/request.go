package member

import (
	"errors"
	"strings"
	"time"

	"github.com/project-iris/iris/overlay/calls"
	"github.com/project-iris/iris/overlay/names"
	"github.com/project-iris/iris/overlay/remote"
	"github.com/project-iris/iris/overlay/session"
	"github.com/project-iris/iris/overlay/trace"
	"github.com/project-iris/iris/transport/budget"
)

// errLeft says that a member has left, or the link to its node was lost, between being picked
// and being asked.
var errLeft = errors.New("member has left")

// Request asks one member of a cluster. The answer comes to the member's handler
// under the id, which is the caller's own and opaque, by the time that timeout
// ends; at once if it is not positive. A closed member gets none. The body is
// borrowed.
func (m *Member) Request(id uint64, cluster, body []byte, timeout time.Duration) {
	if m.closed.Load() {
		return
	}
	m.members.counters.requests.Add(1)
	switch {
	case timeout <= 0:
		m.members.counters.timeouts.Add(1)
		m.handler.HandleTimeout(id)
		return
	case m.members.draining.Load() && m.load.Load() == 0: // who has work in hand may need others to finish it
		m.members.counters.draining.Add(1)
		m.members.counters.faults.Add(1)
		m.handler.HandleFault(id, []byte(FaultDraining))
		return
	}
	now := time.Now()
	deadline := now.Add(timeout)
	m.open.Add(1)
	t := m.sample(now, cluster)
	token, err := m.asked.Add(deadline, request{id: id, trace: t})
	switch {
	case err == nil:
		m.dispatch(now, names.Attempt{Token: token, Cluster: cluster, Body: body, Deadline: deadline, Impatient: m.hasty.Load(), Trace: t}, true)
		return
	case errors.Is(err, calls.ErrFull):
		m.refuse(id, t, FaultOverloaded)
	case errors.Is(err, budget.ErrRefused):
		m.handler.HandleLimit(err)
		m.refuse(id, t, overloaded(err))
	}
	m.closeRequest()
}

// refuse answers a request that this member may not have open.
func (m *Member) refuse(id uint64, t *trace.Trace, fault string) {
	m.members.counters.overloaded.Add(1)
	m.members.counters.faults.Add(1)
	m.handler.HandleFault(id, []byte(fault))
	t.DeliverFault(fault)
}

// dispatch hands an open request of this member to a member of the cluster, here or on
// another node, or holds it until there is one that has room. With wait it waits for room in
// the lane to another node before it holds the request.
func (m *Member) dispatch(now time.Time, a names.Attempt, wait bool) {
	for {
		before := m.fewer.Load()
		full, gone := m.try(now, &a)
		if gone {
			return
		}
		if full.Gauge != nil && wait {
			patience := min(remote.Patience, time.Until(a.Deadline))
			if m.hand(now, full, &a, patience) == nil {
				return
			}
		}
		asked := a.Trace.Now()
		switch m.members.lookup.HoldForRoom(local{m}, &a) {
		case names.HoldsIt:
			a.Trace.Hold(asked, whyRoom)
			if a.Refused.Part() == nil {
				return
			}
			m.members.counters.partsMet.Add(1)
			m.handler.HandleLimit(a.Refused.Part())
			if m.fewer.Load() == before || !m.members.lookup.Unhold(local{m}, a.Token) {
				return
			}
			// One of its requests has ended since, and did not see that this one waits.
			a.Refused, a.Held = names.Refusals{}, nil
		case names.CannotHold:
			if a.Limit != nil {
				m.handler.HandleLimit(a.Limit)
			}
			m.fail(a.Token, overloaded(a.Limit))
			return
		}
		now = time.Now()
	}
}

// overloaded is [FaultOverloaded], with the limit of the node that was met, if one was.
func overloaded(limit error) string {
	if limit == nil {
		return FaultOverloaded
	}
	return FaultOverloaded + ": " + limit.Error()
}

// try asks one after the other who can take a request. It reports as gone that one has taken
// it, that it is held, or that it has its answer. Otherwise nobody has room for it; full is then
// a node whose lane has none, if there is one.
func (m *Member) try(now time.Time, a *names.Attempt) (full names.Target, gone bool) {
	for {
		seen := m.members.seen(a)
		to, verdict := m.members.lookup.PickOrHold(now, local{m}, a)
		seen.decided(a, to, verdict)
		switch verdict {
		case names.Held:
			return names.Target{}, true
		case names.Draining:
			m.fail(a.Token, FaultDraining)
			return names.Target{}, true
		case names.Nobody:
			m.unserved(a.Token)
			return names.Target{}, true
		case names.Picked:
		default:
			return full, false
		}
		err := m.hand(now, to, a, 0)
		traceRefused(a.Trace, to, err)
		switch {
		case err == nil:
			return names.Target{}, true
		case errors.Is(err, errLeft), errors.Is(err, remote.ErrLost):
		case errors.Is(err, budget.ErrPart):
			a.Refused.AddPart(to, err)
			if a.Refused.Full() {
				return full, false
			}
		case to.Member != nil:
			a.Refused.AddMember()
			m.members.lookup.Refused(to)
		default:
			if errors.Is(err, session.ErrFull) {
				full = to
			}
			a.Refused.Add(to, true)
		}
	}
}

// hand hands a request to a target that was picked for it. An error means that it was
// certainly not handed over.
func (m *Member) hand(now time.Time, to names.Target, a *names.Attempt, patience time.Duration) error {
	if to.Member != nil {
		return to.Member.(local).serve(now, local{m}, a.Token, a.Body, a.Deadline, a.Trace)
	}
	r := m.members.links.To(to.Node)
	if r == nil {
		return errLeft
	}
	return r.Ask(now, local{m}, a, to.Gauge, patience)
}

// serve hands a request to this member, for which it was picked. An error means
// that it was not handed over.
func (m *Member) serve(now time.Time, from origin, token uint64, body []byte, deadline time.Time, t *trace.Trace) error {
	id, err := m.admit(now, from, token, deadline, t)
	if err != nil {
		m.unload()
		return err
	}
	ahead, handing := m.ahead(t), t.Now()
	err = m.handler.HandleRequest(id, body, max(deadline.Sub(now), 1))
	if err == nil {
		m.handed(t, handing, ahead)
		m.traffic.Took()
		return nil
	}
	if _, still := m.served.Take(id); !still {
		m.traffic.Took()
		return nil // its caller has its answer: the deadline passed, or the member was closed
	}
	m.unload()
	m.hands.Give(from)
	m.traffic.Refused()
	return err
}

// admit opens a request that this member is to have in hand.
func (m *Member) admit(now time.Time, from origin, token uint64, deadline time.Time, t *trace.Trace) (id uint64, err error) {
	if m.left.Load() {
		return 0, errLeft
	}
	s := served{origin: from, token: token, since: now, trace: t}
	id, err = m.take(deadline, s)
	if err != nil && !errors.Is(err, errLeft) && !errors.Is(err, budget.ErrPart) {
		// Whatever it has in hand says at its end that it has room. The last may just have ended.
		m.many.Store(true)
		id, err = m.take(deadline, s)
	}
	if err != nil && !errors.Is(err, errLeft) {
		m.traffic.Refused()
	}
	return id, err
}

// take is admit once.
func (m *Member) take(deadline time.Time, s served) (id uint64, err error) {
	if err := m.hands.Take(s.origin); err != nil {
		return 0, err
	}
	if id, err = m.served.Add(deadline, s); err == nil {
		return id, nil
	}
	m.hands.Give(s.origin)
	if errors.Is(err, calls.ErrClosed) {
		return 0, errLeft
	}
	return 0, calls.ErrFull // for want of memory too: that is no part of who asks
}

// Reply answers a request that was handed to the member's handler. One that the
// member does not have in hand, because it answered before, or too late, or never got it,
// is ignored. The body is borrowed.
func (m *Member) Reply(id uint64, ok bool, body []byte) {
	s, open := m.served.Take(id)
	if !open {
		return
	}
	now := time.Now()
	m.gauge.Observe(now, now.Sub(s.since), 0, !ok)
	m.traffic.Answered(now.Sub(s.since), ok)
	s.trace.Answer(now, ok)
	s.origin.Answer(s.token, ok, body, m.load.Load())
	s.trace.Send()
	m.unload() // afterwards, as whoever waits for it may end the caller next
	m.ended(s)
}

// Answer ends a request of the member. Only the first answer counts.
func (l local) Answer(token uint64, ok bool, body []byte, _ int64) {
	c, open := l.asked.Take(token)
	switch {
	case !open:
		return
	case ok:
		l.members.counters.replies.Add(1)
		l.handler.HandleReply(c.id, body)
	default:
		l.members.counters.faults.Add(1)
		l.handler.HandleFault(c.id, body)
	}
	traceAnswer(c.trace, ok, body)
	l.closeRequest()
}

// fail ends a request of this member with a fault of this node.
func (m *Member) fail(token uint64, fault string) {
	switch {
	case strings.HasPrefix(fault, FaultOverloaded): // which may go on with the limit
		m.members.counters.overloaded.Add(1)
	case fault == FaultDraining:
		m.members.counters.draining.Add(1)
	}
	local{m}.Answer(token, false, []byte(fault), 0)
}

// Again tries a request elsewhere that a node has sent back. It is called by the goroutine that
// reads what comes from there, so it waits for no room.
func (l local) Again(a names.Attempt) { l.dispatch(time.Now(), a, false) }

// FailFast has the member's requests from now on answered as timed out as soon as it is known
// that nobody serves their cluster.
func (m *Member) FailFast() { m.hasty.Store(true) }

// unserved answers a request of this member that nobody is there for.
func (m *Member) unserved(token uint64) {
	if c, open := m.asked.Take(token); open {
		m.members.counters.timeouts.Add(1)
		m.handler.HandleTimeout(c.id)
		c.trace.TimeOut()
		m.closeRequest()
	}
}

// timedOut answers a request of this member whose deadline has passed.
func (m *Member) timedOut(token uint64, c request) {
	m.members.lookup.Unhold(local{m}, token)
	m.members.counters.timeouts.Add(1)
	m.handler.HandleTimeout(c.id)
	c.trace.TimeOut()
	m.closeRequest()
}

// overdue gives up a request that this member has in hand and whose deadline has passed. The
// caller's node answers the caller, by its own clock.
func (m *Member) overdue(_ uint64, s served) {
	now := time.Now()
	m.gauge.Observe(now, now.Sub(s.since), 0, false)
	m.traffic.Late()
	s.trace.Abandon(whyLate)
	m.unload()
	m.ended(s)
}

// ended lets others go on that wait for a request which the member has in hand no more.
func (m *Member) ended(s served) {
	m.hands.Give(s.origin)
	m.resumeWithOneLess()
	s.origin.Fewer()
}

// Fewer says that another member, or another node, has one request less of this member. It may
// have others take some that wait as this member had its part.
func (l local) Fewer() {
	l.fewer.Add(1)
	if l.room.Waits() {
		l.members.lookup.Fewer(l)
	}
}

// Resume says that the member has room for requests again, after its handler has refused
// one. Requests that wait for room are handed to it before Resume returns. It may be called
// at any time, but not from within the handler's HandleRequest.
func (m *Member) Resume() { m.members.lookup.MakeRoom(local{m}) }

// resumeWithOneLess is Resume for a member that was full of requests in its hands, and has
// one less.
func (m *Member) resumeWithOneLess() {
	if m.many.Load() && m.many.CompareAndSwap(true, false) && !m.closed.Load() {
		m.Resume()
	}
}
