package overlay

import (
	"errors"
	"time"
)

// maxRefusals is how many members may refuse a request before its caller is told
// that the cluster is overloaded.
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
	closed, full := m.closed, m.calls.Len() >= m.overlay.config.OpenRequests
	var token uint64
	if timeout > 0 && !closed && !full {
		token = m.calls.Add(deadline, call{id: id})
		m.arm(deadline)
	}
	m.mu.Unlock()
	switch {
	case closed:
	case timeout <= 0:
		m.handler.HandleTimeout(id)
	case full:
		m.handler.HandleFault(id, []byte(FaultOverloaded))
	default:
		m.dispatch(token, cluster, body, deadline)
	}
}

// dispatch hands an open request of this member to a member of the cluster, or
// holds it until there is one.
func (m *Member) dispatch(token uint64, cluster, body []byte, deadline time.Time) {
	var refused [maxRefusals]*Member
	n := 0
	for n < maxRefusals {
		target, verdict := m.overlay.route(m, token, cluster, body, deadline, refused[:n])
		switch verdict {
		case routeHeld:
			return
		case routeDraining:
			m.answer(token, outcomeFault, []byte(FaultDraining))
			return
		case routeNone:
			n = maxRefusals
			continue
		}
		err := target.serve(m, token, body, deadline)
		if err == nil {
			return
		}
		if !errors.Is(err, errLeft) {
			refused[n] = target
			n++
		}
	}
	m.answer(token, outcomeFault, []byte(FaultOverloaded))
}

// verdict is what route found.
type verdict int

const (
	routeMember   verdict = iota // a member was picked
	routeHeld                    // the request waits for a member
	routeNone                    // all members have refused, or it cannot wait
	routeDraining                // this node is being stopped
)

// route picks a member for a request, or holds the request.
func (o *Overlay) route(origin *Member, token uint64, name, body []byte, deadline time.Time, refused []*Member) (*Member, verdict) {
	o.mu.Lock()
	defer o.mu.Unlock()
	c := o.clusters[string(name)]
	if c != nil && len(c.members) > 0 {
		if m := c.pick(refused); m != nil {
			return m, routeMember
		}
		return nil, routeNone
	}
	if o.draining {
		return nil, routeDraining
	}
	c = o.cluster(string(name))
	defer o.tidy(c)
	if !o.hold(c, origin, token, body, deadline) {
		return nil, routeNone
	}
	return nil, routeHeld
}

// serve hands a request to this member, for which it was picked. An error means
// that it was not handed over.
func (m *Member) serve(origin *Member, token uint64, body []byte, deadline time.Time) error {
	id, err := m.admit(origin, token, deadline)
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
func (m *Member) admit(origin *Member, token uint64, deadline time.Time) (id uint64, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	switch {
	case m.left || m.closed:
		return 0, errLeft
	case m.served.Len() >= m.overlay.config.OpenRequests:
		return 0, errFull
	}
	id = m.served.Add(deadline, served{origin: origin, token: token})
	m.arm(deadline)
	return id, nil
}

// Reply answers a request that was handed to the member's handler. One that the
// member does not hold, because it answered before, or too late, or never got it,
// is ignored. The body is borrowed.
func (m *Member) Reply(id uint64, ok bool, body []byte) {
	m.mu.Lock()
	s, held := m.served.Take(id)
	m.mu.Unlock()
	if !held {
		return
	}
	result := outcomeReply
	if !ok {
		result = outcomeFault
	}
	s.origin.answer(s.token, result, body)
	m.unload() // afterwards, as whoever waits for it may end the caller next
}

// isOpen reports whether a request of this member waits for its answer.
func (m *Member) isOpen(token uint64) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.calls.Has(token)
}

// answer ends a request of this member. Only the first answer counts.
func (m *Member) answer(token uint64, result outcome, body []byte) {
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
}
