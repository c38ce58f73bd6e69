package overlay

import (
	"errors"
	"hash/maphash"
	"maps"
	"math/bits"
	"sync"
	"sync/atomic"
	"time"

	"github.com/project-iris/iris/overlay/balance"
	"github.com/project-iris/iris/overlay/calls"
	"github.com/project-iris/iris/overlay/names"
	"github.com/project-iris/iris/overlay/peers"
	"github.com/project-iris/iris/overlay/session"
	"github.com/project-iris/iris/overlay/wire"
	"github.com/project-iris/iris/transport"
)

// maxCalls is how many requests that are not answered another node may have.
const maxCalls = 1 << 18

// remote is another node that there is a link to, as long as that link lasts, as one that
// is asked and asks.
type remote struct {
	*session.Session
	overlay *Overlay
	calls   *calls.Table[remoteCall] // requests that were sent there, by id

	saidSeen bool // where it sees this node; owned by the reader of the control stream
}

// remoteCall is a request of a member of this node that another node has.
type remoteCall struct {
	from    *Member
	attempt names.Attempt // without what is borrowed
	sent    time.Time
	sum     uint64         // of the name of the cluster and the body
	gauge   *balance.Gauge // of this node, for the cluster
	waited  string         // the cluster, if it has waited
}

// A node that refuses a request brings it back, and has to bring back the same. A sum
// with a secret seed is enough to tell.
var sumSeed = maphash.MakeSeed()

func sumOf(cluster, body []byte) uint64 {
	return maphash.Bytes(sumSeed, cluster) + bits.RotateLeft64(maphash.Bytes(sumSeed, body), 1)
}

var errOtherRequest = &transport.ClosedError{Code: transport.CodeProtocol, Reason: "the refusal brings back another request than the one that was sent"}

func newRemote(o *Overlay, p *peers.Peer) *remote {
	r := &remote{overlay: o}
	r.Session = session.New(session.Config{Peer: p, Frames: o.frames, Counters: &o.sessions, Handler: r})
	r.calls = calls.New(maxCalls, r.timedOut)
	return r
}

// ask sends a request of a member to this node, for which it was picked, and waits for
// room for the patience at most. An error means that it was certainly not sent.
func (r *remote) ask(now time.Time, from *Member, a *names.Attempt, g *balance.Gauge, patience time.Duration) error {
	left := a.Deadline.Sub(now)
	if left <= 0 {
		return nil // its deadline answers it
	}
	c := remoteCall{from: from, attempt: a.Back(nil, nil), sent: now, sum: sumOf(a.Cluster, a.Body), gauge: g}
	if a.Held != nil {
		c.waited = a.Held.Cluster
	}
	id, err := r.remember(c)
	if err != nil {
		return err
	}
	m := wire.Request{ID: id, Timeout: uint64(left.Microseconds()) + 1, Cluster: a.Cluster, Body: a.Body}
	l := r.Lane(from.shard)
	b, err := l.Begin(m.Size(), patience)
	if err == nil {
		l.Commit(m.Append(b))
		return nil
	}
	if _, still := r.calls.Take(id); !still {
		return nil // it has its answer: the link was lost, or the deadline passed
	}
	g.Drop()
	if r.Ended() {
		return errLeft
	}
	return err
}

// remember puts a request among those that are sent to this node.
func (r *remote) remember(c remoteCall) (id uint64, err error) {
	c.gauge.Begin()
	id, err = r.calls.Add(c.attempt.Deadline, c)
	if err != nil {
		c.gauge.Drop()
	}
	if errors.Is(err, calls.ErrClosed) {
		err = errLeft
	}
	return id, err
}

// forget drops the requests of a member that has no use for their answers.
func (r *remote) forget(from *Member) {
	r.calls.DeleteFunc(func(c remoteCall) bool {
		if c.from == from {
			c.gauge.Drop()
		}
		return c.from == from
	})
}

// replied handles the answer to a request.
func (r *remote) replied(m *wire.Reply) {
	c, ok := r.calls.Take(m.ID)
	if !ok {
		return
	}
	result := outcomeFault
	if m.Status == wire.StatusReply {
		result = outcomeReply
	}
	now := time.Now()
	c.gauge.Answered(now, now.Sub(c.sent), m.Load, result == outcomeFault)
	c.from.answer(c.attempt.Token, result, m.Body, 0)
	if c.waited != "" {
		r.overlay.lookup.Answered(c.waited)
	}
}

// refusedBy handles a request that comes back, and tries it elsewhere.
func (r *remote) refusedBy(m *wire.Refusal) {
	c, ok := r.calls.Take(m.ID)
	if !ok {
		return
	}
	busy := m.Reason != wire.ReasonNoMember && m.Reason != wire.ReasonDraining
	if busy {
		c.gauge.Refused(time.Now(), m.Load)
	} else {
		c.gauge.Drop()
	}
	if sumOf(m.Cluster, m.Body) != c.sum {
		r.Cut(errOtherRequest)
		c.from.answer(c.attempt.Token, outcomeFault, []byte(FaultMemberLost), 0)
		return
	}
	back := c.attempt.Back(m.Cluster, m.Body)
	back.Refused.Add(names.Target{Node: r.ID()}, busy)
	// This goroutine reads what comes from that node: it must not wait for another.
	c.from.dispatch(time.Now(), back, false)
}

// timedOut forgets a request whose deadline has passed: its caller has been told by the
// clock of its own node.
func (r *remote) timedOut(_ uint64, c remoteCall) {
	now := time.Now()
	c.gauge.TimedOut(now, now.Sub(c.sent))
}

// lost ends the use of a node whose link is lost, and answers the requests that it had.
func (r *remote) lost() {
	r.Lose()
	for _, c := range r.calls.Close() {
		c.gauge.Drop()
		c.from.answer(c.attempt.Token, outcomeFault, []byte(FaultMemberLost), 0)
	}
}

// HandleMessage handles what a node sends in one of its lanes.
func (r *remote) HandleMessage(m wire.Message) {
	switch m := m.(type) {
	case *wire.Request:
		r.serve(m)
	case *wire.Reply:
		r.replied(m)
	case *wire.Refusal:
		r.refusedBy(m)
	case *wire.Event:
		r.overlay.deliverEvent(m.Topic, m.Event)
	case *wire.Broadcast:
		r.overlay.deliverBroadcast(m.Cluster, m.Message)
	case *wire.Forward:
		r.overlay.net.multicast.Forward(r.ID(), m)
	case *wire.Forwarded:
		r.overlay.net.multicast.Forwarded(m)
	case *wire.MarkerPassed:
		r.overlay.net.multicast.MarkerPassed(r.ID(), m)
	}
}

// serve hands a request of another node to a member of this one, or refuses it.
func (r *remote) serve(m *wire.Request) {
	now := time.Now()
	deadline := now.Add(wire.Duration(m.Timeout))
	back := wire.Refusal{ID: m.ID, Reason: r.whyNobody(), Cluster: m.Cluster, Body: m.Body}
	for {
		to, full := r.overlay.lookup.PickHere(m.Cluster, &names.Refusals{})
		if full != nil {
			back.Reason, back.Load = wire.ReasonOverloaded, uint64(max(full.Load(), 0))
		}
		if to.Member == nil {
			break
		}
		err := to.Member.(local).serve(now, r, m.ID, m.Body, deadline)
		if err == nil {
			return
		}
		if !errors.Is(err, errLeft) {
			r.overlay.lookup.Refused(to)
		}
	}
	l := r.Lane(m.ID)
	if b, err := l.Begin(back.Size(), 0); err == nil {
		l.Commit(back.Append(b))
		return
	}
	// There is no room to send it back, so it cannot be tried elsewhere.
	fault(l, m.ID, 0, []byte(FaultOverloaded))
}

// whyNobody says why this node has no member of a cluster.
func (r *remote) whyNobody() wire.Reason {
	if r.overlay.draining.Load() {
		return wire.ReasonDraining
	}
	return wire.ReasonNoMember
}

// answer sends the answer of a member to the node that asked. It waits for room, as
// the member's own node makes it slow down, but not for a short fault. A reply that
// finds none is dropped: the node that asked reads nothing.
func (r *remote) answer(token uint64, result outcome, body []byte, load int64) {
	const short = 256
	l := r.Lane(token)
	if result == outcomeFault && len(body) <= short {
		fault(l, token, load, body)
		return
	}
	m := wire.Reply{ID: token, Status: wire.StatusReply, Load: uint64(max(load, 0)), Body: body}
	if result != outcomeReply {
		m.Status = wire.StatusFault
	}
	b, err := l.Begin(m.Size(), lanePatience)
	if err != nil {
		r.overlay.counters.repliesDropped.Add(1)
		return
	}
	l.Commit(m.Append(b))
}

// fault sends a short fault, without waiting for room.
func fault(l *session.Lane, token uint64, load int64, text []byte) {
	m := wire.Reply{ID: token, Status: wire.StatusFault, Load: uint64(max(load, 0)), Body: text}
	if b, err := l.BeginShort(m.Size()); err == nil {
		l.Commit(m.Append(b))
	}
}

// links are the other nodes that there is a link to. To look one up takes no lock: the
// table is replaced when a link comes up or goes down, which is rare.
type links struct {
	mu    sync.Mutex // held to replace the table
	table atomic.Pointer[map[wire.NodeID]*remote]
}

// all returns the nodes that there is a link to. It is not to be modified.
func (l *links) all() map[wire.NodeID]*remote {
	if table := l.table.Load(); table != nil {
		return *table
	}
	return nil
}

// get returns a node that there is a link to, or nil.
func (l *links) get(id wire.NodeID) *remote { return l.all()[id] }

// linked reports whether there is a link to a node that has not ended.
func (l *links) linked(id wire.NodeID) bool {
	r := l.get(id)
	return r != nil && !r.Ended()
}

func (l *links) add(r *remote) { l.change(func(table map[wire.NodeID]*remote) { table[r.ID()] = r }) }

func (l *links) remove(r *remote) {
	l.change(func(table map[wire.NodeID]*remote) { delete(table, r.ID()) })
}

func (l *links) change(change func(map[wire.NodeID]*remote)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	table := maps.Clone(l.all())
	if table == nil {
		table = make(map[wire.NodeID]*remote)
	}
	change(table)
	l.table.Store(&table)
}
