package remote

import (
	"errors"
	"hash/maphash"
	"math/bits"
	"time"

	"github.com/project-iris/iris/overlay/balance"
	"github.com/project-iris/iris/overlay/calls"
	"github.com/project-iris/iris/overlay/names"
	"github.com/project-iris/iris/overlay/wire"
	"github.com/project-iris/iris/transport"
)

// ErrLost says that the link to the node has ended.
var ErrLost = errors.New("link to the node is lost")

// call is a request of a member of this node that the other node has.
type call struct {
	from    Caller
	attempt names.Attempt // without what is borrowed
	sent    time.Time
	sum     uint64         // of the name of the cluster and the body
	gauge   *balance.Gauge // of this node, for the cluster
}

// A node that refuses a request brings it back, and has to bring back the same. A sum
// with a secret seed is enough to tell.
var sumSeed = maphash.MakeSeed()

func sumOf(cluster, body []byte) uint64 {
	return maphash.Bytes(sumSeed, cluster) + bits.RotateLeft64(maphash.Bytes(sumSeed, body), 1)
}

var errOtherRequest = &transport.ClosedError{Code: transport.CodeProtocol, Reason: "the refusal brings back another request than the one that was sent"}

// Ask sends a request of a member to this node, which was picked for it. It waits for room in
// the lane, for the patience at most. An error means that the request was certainly not sent:
// [session.ErrFull] for want of room, [ErrLost], or that the node has too many already.
func (r *Remote) Ask(now time.Time, from Caller, a *names.Attempt, g *balance.Gauge, patience time.Duration) error {
	left := a.Deadline.Sub(now)
	if left <= 0 {
		return nil // its deadline answers it
	}
	c := call{from: from, attempt: a.Back(nil, nil), sent: now, sum: sumOf(a.Cluster, a.Body), gauge: g}
	id, err := r.remember(c)
	if err != nil {
		return err
	}
	r.config.Watch.poke()
	m := wire.Request{ID: id, Timeout: uint64(left.Microseconds()) + 1, Cluster: a.Cluster, Body: a.Body, Trace: a.Trace.ID()}
	l := r.Lane(from.Shard())
	ahead := a.Trace.Ahead(l)
	b, err := l.Begin(m.Size(), patience)
	if err == nil {
		a.Trace.Queue(r.ID(), ahead) // before the answer can come
		l.Commit(m.Append(b))
		return nil
	}
	if _, still := r.calls.Take(id); !still {
		return nil // it has its answer: the link was lost, or the deadline passed
	}
	g.Drop()
	r.parts.Give(from)
	if r.Ended() {
		return ErrLost
	}
	return err
}

// remember puts a request among those that are sent to this node.
func (r *Remote) remember(c call) (id uint64, err error) {
	if err := r.parts.Take(c.from); err != nil {
		return 0, err
	}
	c.gauge.Begin()
	id, err = r.calls.Add(c.attempt.Deadline, c)
	if err != nil {
		c.gauge.Drop()
		r.parts.Give(c.from)
	}
	if errors.Is(err, calls.ErrClosed) {
		err = ErrLost
	}
	return id, err
}

// Forget drops the requests of a member that has no use for their answers.
func (r *Remote) Forget(from Caller) {
	r.calls.DeleteFunc(func(c call) bool {
		if c.from == from {
			c.gauge.Drop()
			r.parts.Give(from)
		}
		return c.from == from
	})
}

// ended lets others go on that wait for a request which the node has no more.
func (r *Remote) ended(c call) {
	r.parts.Give(c.from)
	c.from.Fewer()
}

// replied handles the answer to a request.
func (r *Remote) replied(m *wire.Reply) {
	c, ok := r.calls.Take(m.ID)
	if !ok {
		return
	}
	now, good := time.Now(), m.Status == wire.StatusReply
	c.gauge.Answered(now, now.Sub(c.sent), m.Load, !good)
	c.attempt.Trace.Return(now, r.ID())
	c.from.Answer(c.attempt.Token, good, m.Body, 0)
	r.ended(c)
	if c.attempt.Waited != "" {
		r.config.Host.Answered(c.attempt.Waited)
	}
}

// refused handles a request that comes back, and tries it elsewhere.
func (r *Remote) refused(m *wire.Refusal) {
	c, ok := r.calls.Take(m.ID)
	if !ok {
		return
	}
	defer r.ended(c)
	c.attempt.Trace.Refuse(r.ID(), m.Reason.Text())
	busy := m.Reason != wire.ReasonNoMember && m.Reason != wire.ReasonDraining
	if busy {
		c.gauge.Refused(time.Now(), m.Load)
	} else {
		c.gauge.Drop()
	}
	if sumOf(m.Cluster, m.Body) != c.sum {
		r.Cut(errOtherRequest)
		c.from.Answer(c.attempt.Token, false, []byte(FaultLost), 0)
		return
	}
	back := c.attempt.Back(m.Cluster, m.Body)
	back.Refused.Add(names.Target{Node: r.ID()}, busy)
	c.from.Again(back)
}

// giveUp answers a request whose answer, or which itself, has come back and is not there.
func (r *Remote) giveUp(id uint64, fault string) {
	c, ok := r.calls.Take(id)
	if !ok {
		return
	}
	c.gauge.Drop()
	c.from.Answer(c.attempt.Token, false, []byte(fault), 0)
	r.ended(c)
}

// timedOut forgets a request whose deadline has passed. It answers nobody: the caller has a
// table of its own, which does that at the same deadline.
func (r *Remote) timedOut(_ uint64, c call) {
	now := time.Now()
	c.gauge.TimedOut(now, now.Sub(c.sent))
	r.ended(c)
}

// Lost ends the use of a node whose link is lost, and answers the requests that it had.
func (r *Remote) Lost() {
	r.Lose()
	lost := r.calls.Close()
	r.config.Lost.Add(uint64(len(lost)))
	for _, c := range lost {
		c.gauge.Drop()
		c.from.Answer(c.attempt.Token, false, []byte(FaultLost), 0)
		r.ended(c)
	}
}
