package overlay

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/project-iris/iris/overlay/balance"
	"github.com/project-iris/iris/overlay/deadline"
)

// Member is an attached application: it sends through it, and is served through
// its [Handler]. Its methods are safe for concurrent use; the order of what it
// sends is the order of the calls.
type Member struct {
	overlay *Overlay
	handler Handler
	cluster string        // empty: a plain member, which serves none
	shard   uint64        // chooses the lane of what it sends
	gauge   balance.Gauge // how long it takes to answer

	spreading sync.Mutex // keeps the order of messages that others pass on
	order     uint64     // of the latest of them; guarded by spreading

	load atomic.Int64 // requests and tunnels in hand; counted up under Overlay.mu
	open atomic.Int64 // its own requests, until their answer is delivered

	// Guarded by Overlay.mu.
	topics     map[string]struct{}
	topicBytes int // of their names
	held       heldRequests
	room       room

	mu     sync.Mutex
	calls  deadline.Table[call]   // its own requests, by token
	served deadline.Table[served] // requests in its hands, by id
	alarm  alarm                  // runs expire
	many   bool                   // it had as many requests in hand as it may when one more came
	left   bool                   // it takes no more requests
	closed bool
	idle   chan struct{} // closed when load or open falls to zero; nil while nobody waits
}

// call is a request of this member that is not answered.
type call struct {
	id uint64 // the member's
}

// served is a request that this member has not answered.
type served struct {
	origin origin
	token  uint64
	since  time.Time
}

// origin is who waits for the answer to a request: a member of this node, or another
// node. Only the first answer to a token counts.
type origin interface {
	// answer borrows the body. The load is what the member that answers has in hand.
	answer(token uint64, result outcome, body []byte, load int64)
}

func newMember(o *Overlay, cluster string, handler Handler) *Member {
	m := &Member{overlay: o, cluster: cluster, handler: handler, shard: o.shards.Add(1)}
	m.alarm.ring = m.expire
	return m
}

func (m *Member) service() bool { return m.cluster != "" }

// Leave takes the member out of its cluster, so that nothing new is handed to it,
// and waits until it has answered the requests that it holds and its tunnels are
// closed, or returns the context's error.
func (m *Member) Leave(ctx context.Context) error {
	m.leave()
	return m.wait(ctx)
}

func (m *Member) leave() {
	if !m.service() {
		return
	}
	o := m.overlay
	o.mu.Lock()
	if c := o.clusters[m.cluster]; c != nil {
		c.leave(m)
		o.served(c)
		o.tidy(c)
	}
	o.mu.Unlock()

	m.mu.Lock()
	m.left = true
	m.mu.Unlock()
}

// wait returns when the member has nothing in hand.
func (m *Member) wait(ctx context.Context) error {
	return m.await(ctx, func() bool { return m.load.Load() == 0 })
}

// finish returns when the member has nothing in hand and all its requests have their
// answers.
func (m *Member) finish(ctx context.Context) error {
	return m.await(ctx, func() bool { return m.load.Load() == 0 && m.open.Load() == 0 })
}

// await returns when something holds that can begin to when load or open fall to zero.
func (m *Member) await(ctx context.Context, holds func() bool) error {
	for {
		m.mu.Lock()
		if holds() {
			m.mu.Unlock()
			return nil
		}
		if m.idle == nil {
			m.idle = make(chan struct{})
		}
		idle := m.idle
		m.mu.Unlock()
		select {
		case <-idle:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// unload counts one request or tunnel less.
func (m *Member) unload() { m.countDown(&m.load) }

// closeRequest counts one of the member's own requests less.
func (m *Member) closeRequest() { m.countDown(&m.open) }

func (m *Member) countDown(n *atomic.Int64) {
	if n.Add(-1) > 0 {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.idle != nil {
		close(m.idle)
		m.idle = nil
	}
}

// Close detaches the member. The requests that it holds are answered with
// [FaultMemberLost], its own are forgotten. It may be called more than once.
func (m *Member) Close() {
	m.leave()
	lost, asking, first := m.shut()
	if !first {
		return
	}
	if asking {
		m.overlay.forgetCalls(m)
	}
	// After its requests are forgotten, as none is held from then on.
	o := m.overlay
	o.mu.Lock()
	for topic := range m.topics {
		o.unsubscribe(m, topic)
	}
	o.dropAll(m)
	o.mu.Unlock()
	for _, s := range lost {
		s.origin.answer(s.token, outcomeFault, []byte(FaultMemberLost), 0)
		m.unload()
	}
	// Last, as Drain waits for those that it finds.
	o.mu.Lock()
	delete(o.members, m)
	o.mu.Unlock()
}

// shut marks the member as closed, forgets its requests, and returns those that it
// holds. It reports whether it had requests open, and whether it was open itself.
func (m *Member) shut() (lost []served, asking, first bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed {
		return nil, false, false
	}
	m.closed = true
	m.alarm.stop()
	asking = m.calls.Len() > 0
	m.open.Add(-int64(m.calls.Len()))
	m.calls = deadline.Table[call]{}
	if m.idle != nil {
		close(m.idle)
		m.idle = nil
	}
	return m.takeServed(), asking, true
}

// forgetCalls drops what the other nodes were asked for a member that is closed.
func (o *Overlay) forgetCalls(m *Member) {
	o.mu.Lock()
	remotes := make([]*remote, 0, len(o.remotes))
	for _, r := range o.remotes {
		remotes = append(remotes, r)
	}
	o.mu.Unlock()
	for _, r := range remotes {
		r.forget(m)
	}
}

func (m *Member) isClosed() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.closed
}

// takeServed empties the table of requests in hand. Member.mu is held.
func (m *Member) takeServed() []served {
	var all []served
	for {
		at, ok := m.served.Next()
		if !ok {
			return all
		}
		_, s, _ := m.served.Expire(at)
		all = append(all, s)
	}
}
