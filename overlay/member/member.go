package member

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/project-iris/iris/overlay/balance"
	"github.com/project-iris/iris/overlay/calls"
	"github.com/project-iris/iris/overlay/multicast"
	"github.com/project-iris/iris/overlay/names"
	"github.com/project-iris/iris/overlay/trace"
	"github.com/project-iris/iris/overlay/traffic"
	"github.com/project-iris/iris/transport/budget"
)

// Member is an attached application: it sends through it, and is served through
// its [Handler]. Its methods are safe for concurrent use; the order of what it
// sends is the order of the calls.
type Member struct {
	members *Members
	handler Handler
	cluster string            // empty: a plain member, which serves none
	shard   uint64            // chooses the lane of what it sends
	gauge   balance.Gauge     // how long it takes to answer
	traffic *traffic.Served   // of its cluster; nil: it serves none
	since   time.Time         // when it was attached
	sender  *multicast.Sender // of its broadcasts and events to other nodes; nil where there are none

	load   atomic.Int64 // requests and tunnels in hand; counted up by the lookup
	open   atomic.Int64 // its own requests, until their answer is delivered
	asked  *calls.Table[request]
	served *calls.Table[served]
	hands  *budget.Each[origin] // of its requests in hand; nil: it serves none
	taken  *budget.Each[origin] // of tunnels that it is offered or has
	fewer  atomic.Uint64        // times that one of its requests has ended elsewhere
	many   atomic.Bool          // it had as many requests in hand as it may when one more came
	left   atomic.Bool          // it takes no more requests
	hasty  atomic.Bool          // its requests are impatient: FailFast
	closed atomic.Bool

	room names.Room // guarded by the lookup

	mu   sync.Mutex
	idle chan struct{} // closed when load or open falls to zero; nil while nobody waits
}

// request is one of this member that is not answered.
type request struct {
	id    uint64       // the member's
	trace *trace.Trace // nil: it is not traced
}

// served is a request that this member has not answered.
type served struct {
	origin origin
	token  uint64
	since  time.Time
	trace  *trace.Trace // nil: it is not traced
}

// origin is who waits for the answer to a request: a member of this node, or another
// node. Only the first answer to a token counts.
type origin interface {
	// Answer takes the answer, a fault unless it is ok. The body is borrowed. The load is what
	// the member that answers has in hand.
	Answer(token uint64, ok bool, body []byte, load int64)
	// Fewer says that a member has one request less of it in hand.
	Fewer()
}

func newMember(ms *Members, cluster string, handler Handler) *Member {
	m := &Member{members: ms, cluster: cluster, handler: handler, shard: ms.shards.Add(1), since: time.Now()}
	if ms.multicast != nil {
		m.sender = ms.multicast.Sender(m.shard)
	}
	m.asked = calls.New(ms.limits.OpenRequests, m.timedOut)
	m.served = calls.New(ms.limits.OpenRequests, m.overdue)
	if ms.memory != nil {
		memory := ms.memory.Holder()
		m.asked.Charge(budget.NewBlocks(memory), askedMemory)
		m.served.Charge(budget.NewBlocks(memory), servedMemory)
	}
	if m.service() {
		m.hands = budget.NewEach[origin](ofMember("requests in hand", ms.limits.OpenRequests))
		m.taken = budget.NewEach[origin](ofMember("tunnels", ms.limits.Tunnels))
	}
	return m
}

// ofMember is how those who ask share what one member may have of something: other applications
// of the node, and other nodes.
func ofMember(name string, limit int) budget.Config {
	return budget.Config{Name: name, Of: "a member", Limit: int64(limit), Greed: greed}
}

func (m *Member) service() bool { return m.cluster != "" }

// Leave is Withdraw, and waits until the member has answered the requests that it has in
// hand and its tunnels are closed, or returns the context's error.
func (m *Member) Leave(ctx context.Context) error {
	m.Withdraw()
	return m.wait(ctx)
}

// Withdraw takes the member out of its cluster, so that nothing new is handed to it. To
// say it twice is fine.
func (m *Member) Withdraw() {
	if !m.service() {
		return
	}
	m.members.lookup.Leave(local{m})
	m.left.Store(true)
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

// await returns when a condition holds. It looks each time that load or open falls to zero.
func (m *Member) await(ctx context.Context, condition func() bool) error {
	for {
		m.mu.Lock()
		if condition() {
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
	if n.Add(-1) <= 0 {
		m.stopWaiting()
	}
}

// stopWaiting lets those look again who wait for the member.
func (m *Member) stopWaiting() {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.idle != nil {
		close(m.idle)
		m.idle = nil
	}
}

// Close detaches the member. The requests that it has in hand are answered with
// [FaultMemberLost], its own are forgotten. It may be called more than once.
func (m *Member) Close() {
	m.Withdraw()
	if m.closed.Swap(true) {
		return
	}
	if forgotten := m.asked.Close(); len(forgotten) > 0 {
		m.open.Add(-int64(len(forgotten)))
		m.forgetCalls()
		for _, c := range forgotten {
			c.trace.Forget()
		}
	}
	lost := m.served.Close()
	if len(lost) > 0 {
		m.members.counters.membersLost.Add(uint64(len(lost)))
		m.traffic.Lost(len(lost))
	}
	m.stopWaiting()
	// After its requests are forgotten, as none is held from then on.
	m.members.lookup.Detach(local{m})
	for _, s := range lost {
		s.trace.Abandon(whyGone)
		s.origin.Answer(s.token, false, []byte(FaultMemberLost), 0)
		m.unload()
		m.hands.Give(s.origin)
		s.origin.Fewer()
	}
	m.members.remove(m) // last, as Drain waits for those that it finds
}

// forgetCalls drops what the other nodes were asked.
func (m *Member) forgetCalls() {
	for _, r := range m.members.links.All() {
		r.Forget(local{m})
	}
}

// AwaitConfirmation returns when all nodes that can send to the member know of the cluster
// that it serves and the topics that it has subscribed to before the call: what they send from
// then on reaches it. It returns after half a second at the latest, which Stats.Unconfirmed
// counts, or with the context.
func (m *Member) AwaitConfirmation(ctx context.Context) {
	if !m.members.lookup.AwaitConfirmation(ctx) && ctx.Err() == nil {
		m.members.counters.unconfirmed.Add(1)
	}
}

// local is a member as the names and the other nodes know it.
type local struct{ *Member }

// Load is how many requests and tunnels the member has in hand.
func (l local) Load() int64 { return l.load.Load() }

// Take counts one more.
func (l local) Take() { l.load.Add(1) }

// Cost is what one more would cost.
func (l local) Cost(now time.Time) float64 { return l.gauge.CostWith(now, l.load.Load()) }

// Measured is what that cost is made of.
func (l local) Measured(now time.Time) balance.Measured {
	return l.gauge.MeasuredWith(now, l.load.Load())
}

// Room is whether the member takes requests.
func (l local) Room() *names.Room { return &l.room }

// Shard chooses the lane of what the member sends to another node.
func (l local) Shard() uint64 { return l.shard }

// Open reports whether a request of the member still waits for its answer.
func (l local) Open(token uint64) bool { return l.asked.Has(token) }

// Subscribe asks for the events of a topic. To be subscribed already is fine. It
// fails with [ErrTooManyTopics] or [ErrClosed].
func (m *Member) Subscribe(topic []byte) error {
	if m.closed.Load() {
		return ErrClosed
	}
	return m.members.lookup.Subscribe(local{m}, topic)
}

// Unsubscribe ends a subscription. Not to be subscribed is fine.
func (m *Member) Unsubscribe(topic []byte) { m.members.lookup.Unsubscribe(local{m}, topic) }

// Handler is how a member is delivered to. Its methods are called
// concurrently, from the goroutines of the senders, so a handler that is slow
// slows whoever sends to it. Slices are borrowed: they are valid during the call.
//
// After [Member.Close] has returned, a delivery that had begun before may still
// arrive.
type Handler interface {
	// HandleRequest hands over a request. The member answers it with
	// [Member.Reply] and the same id within the timeout. An error means that the
	// request was certainly not handed over, and it goes elsewhere or waits; the
	// member is given no other before [Member.Resume]. It must not block.
	HandleRequest(id uint64, body []byte, timeout time.Duration) error
	// HandleBroadcast delivers a broadcast to the member's cluster.
	HandleBroadcast(message []byte)
	// HandleTunnel offers the near end of a tunnel, and returns nil when the
	// member has taken it, whose own it is then. It must return when the context
	// ends.
	HandleTunnel(ctx context.Context, conn Stream) error

	// HandleEvent delivers an event of a topic that the member is subscribed to.
	HandleEvent(topic, event []byte)

	// HandleReply, HandleFault and HandleTimeout are the answers to the member's
	// own requests: exactly one of them is called for each, with the id that
	// [Member.Request] was given. They must not block.
	HandleReply(id uint64, reply []byte)
	HandleFault(id uint64, text []byte)
	HandleTimeout(id uint64)

	// HandleLimit says which limit of the node the member has met, by something that it has
	// sent. It must not block.
	HandleLimit(limit error)
}
