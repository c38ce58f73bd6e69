package overlay

import (
	"hash/maphash"
	"math/bits"
	"sync"
	"sync/atomic"
	"time"

	"github.com/project-iris/iris/overlay/balance"
	"github.com/project-iris/iris/overlay/deadline"
	"github.com/project-iris/iris/overlay/peers"
	"github.com/project-iris/iris/overlay/wire"
	"github.com/project-iris/iris/transport"
)

// maxCalls is how many requests that are not answered another node may have.
const maxCalls = 1 << 18

// remote is another node that there is a link to, as long as that link lasts.
type remote struct {
	overlay *Overlay
	peer    *peers.Peer
	id      wire.NodeID
	before  []<-chan struct{} // down of those over earlier links to the node
	down    chan struct{}     // closed when nothing that came over the link is worked on any more
	lanes   [maxLanes]lane
	readers atomic.Int32   // lanes that the node has opened
	writers sync.WaitGroup // goroutines of the lanes
	cutting sync.WaitGroup // the goroutine that cuts the link

	control control // to the directory of that node

	mu    sync.Mutex
	calls deadline.Table[remoteCall] // requests that were sent there, by id
	alarm alarm                      // runs expire
	lost  bool
	cuts  bool // the link is being cut

	tunnelEnd time.Time // when the latest tunnel was closed here
}

// remoteCall is a request of a member of this node that another node has.
type remoteCall struct {
	from    *Member
	token   uint64
	until   time.Time // its deadline
	sent    time.Time
	sum     uint64         // of the name of the cluster and the body
	gauge   *balance.Gauge // of this node, for the cluster
	refused refusals
	number  uint64   // of the request among those that were held; 0: it was not
	waited  *cluster // where it was held; nil: it was not
}

// A node that refuses a request brings it back, and has to bring back the same. A sum
// with a secret seed is enough to tell.
var sumSeed = maphash.MakeSeed()

func sumOf(cluster, body []byte) uint64 {
	return maphash.Bytes(sumSeed, cluster) + bits.RotateLeft64(maphash.Bytes(sumSeed, body), 1)
}

var errOtherRequest = &transport.ClosedError{Code: transport.CodeProtocol, Reason: "refused what it was not asked"}

func newRemote(o *Overlay, p *peers.Peer) *remote {
	r := &remote{overlay: o, peer: p, id: wire.NodeID(p.ID()), down: make(chan struct{})}
	r.alarm.ring = r.expire
	return r
}

// finish writes what is left in the lanes, and returns when the other node has read it.
// Nothing is sent afterwards.
func (r *remote) finish() {
	for i := range r.lanes {
		l := &r.lanes[i]
		l.open.Do(func() {}) // from now on
		if l.out != nil {
			l.out.Close()
		}
	}
	r.writers.Wait()
}

// rest returns when all goroutines have ended, after the link has.
func (r *remote) rest() {
	r.writers.Wait()
	r.cutting.Wait()
}

// cut ends the link, and does not wait for that.
func (r *remote) cut(cause error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.lost && !r.cuts {
		r.cuts = true
		r.cutting.Go(func() { r.peer.Link().Close(cause) })
	}
}

// lane returns the lane for what a sender sends.
func (r *remote) lane(shard uint64) *lane { return r.opened(shard % laneCount) }

// copyLane returns the lane for what is passed on.
func (r *remote) copyLane() *lane { return r.opened(copyLane) }

func (r *remote) opened(i uint64) *lane {
	l := &r.lanes[i]
	l.open.Do(func() { l.start(r) })
	return l
}

// ask sends a request of a member to this node, for which it was picked, and waits for
// room for the patience at most. An error means that it was certainly not sent.
func (r *remote) ask(from *Member, a *attempt, g *balance.Gauge, patience time.Duration) error {
	now := time.Now()
	left := a.deadline.Sub(now)
	if left <= 0 {
		return nil // its deadline answers it
	}
	id, err := r.remember(remoteCall{
		from: from, token: a.token, until: a.deadline, sent: now, sum: sumOf(a.cluster, a.body), gauge: g,
		refused: a.refused, number: a.number, waited: a.waited(),
	})
	if err != nil {
		return err
	}
	m := wire.Request{ID: id, Timeout: uint64(left.Microseconds()) + 1, Cluster: a.cluster, Body: a.body}
	l := r.lane(from.shard)
	b, err := l.begin(m.Size(), patience)
	if err == nil {
		l.commit(m.Append(b))
		return nil
	}
	if _, still := r.take(id); !still {
		return nil // it has its answer: the link was lost, or the deadline passed
	}
	g.Drop()
	if r.ended() {
		return errLeft
	}
	return err
}

// ended reports whether the link has ended.
func (r *remote) ended() bool { return r.peer.Context().Err() != nil }

// remember puts a request among those that are sent to this node.
func (r *remote) remember(c remoteCall) (id uint64, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case r.lost:
		return 0, errLeft
	case r.calls.Len() >= maxCalls:
		return 0, errFull
	}
	c.gauge.Begin()
	r.alarm.set(c.until)
	return r.calls.Add(c.until, c), nil
}

// forget drops the requests of a member that has no use for their answers.
func (r *remote) forget(from *Member) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.calls.DeleteFunc(func(c remoteCall) bool {
		if c.from == from {
			c.gauge.Drop()
		}
		return c.from == from
	})
}

// take takes a request out that was sent.
func (r *remote) take(id uint64) (remoteCall, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.calls.Take(id)
}

// replied handles the answer to a request.
func (r *remote) replied(m *wire.Reply) {
	c, ok := r.take(m.ID)
	if !ok {
		return
	}
	result := outcomeFault
	if m.Status == wire.StatusReply {
		result = outcomeReply
	}
	c.gauge.Answered(time.Now(), time.Since(c.sent), m.Load, result == outcomeFault)
	c.from.answer(c.token, result, m.Body, 0)
	if c.waited != nil {
		r.overlay.roomAway(c.waited)
	}
}

// refusedBy handles a request that comes back, and tries it elsewhere.
func (r *remote) refusedBy(m *wire.Refusal) {
	c, ok := r.take(m.ID)
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
		r.cut(errOtherRequest)
		c.from.answer(c.token, outcomeFault, []byte(FaultMemberLost), 0)
		return
	}
	c.refused.add(target{remote: r}, busy)
	// This goroutine reads what comes from that node: it must not wait for another.
	c.from.dispatch(attempt{
		token: c.token, cluster: m.Cluster, body: m.Body, deadline: c.until, refused: c.refused, number: c.number,
	})
}

// expire forgets the requests whose deadline has passed: their callers have been told
// by their own node's clock.
func (r *remote) expire() {
	now := time.Now()
	r.mu.Lock()
	defer r.mu.Unlock()
	for {
		_, c, ok := r.calls.Expire(now)
		if !ok {
			break
		}
		c.gauge.TimedOut(now, now.Sub(c.sent))
	}
	r.alarm.rung()
	if at, ok := r.calls.Next(); ok && !r.lost {
		r.alarm.set(at)
	}
}

// lose ends the use of a node whose link is lost, and answers the requests that it had.
func (r *remote) lose() {
	r.mu.Lock()
	r.lost = true
	r.alarm.stop()
	var lost []remoteCall
	for {
		at, ok := r.calls.Next()
		if !ok {
			break
		}
		_, c, _ := r.calls.Expire(at)
		lost = append(lost, c)
	}
	r.mu.Unlock()
	for _, c := range lost {
		c.gauge.Drop()
		c.from.answer(c.token, outcomeFault, []byte(FaultMemberLost), 0)
	}
}
