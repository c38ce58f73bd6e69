package overlay

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/project-iris/iris/overlay/deadline"
	"github.com/project-iris/iris/overlay/peers"
	"github.com/project-iris/iris/overlay/wire"
)

// remote is another node that there is a link to, as long as that link lasts.
type remote struct {
	overlay *Overlay
	peer    *peers.Peer
	id      wire.NodeID
	lanes   [laneCount]lane
	writers sync.WaitGroup // goroutines of the lanes
	gauge   gauge

	control control // to the directory of that node

	mu    sync.Mutex
	calls deadline.Table[remoteCall] // requests that were sent there, by id
	alarm alarm                      // runs expire
	lost  bool
}

// remoteCall is a request of a member of this node that another node has.
type remoteCall struct {
	from    *Member
	token   uint64
	until   time.Time // its deadline
	sent    time.Time
	refused refusals
}

func newRemote(o *Overlay, p *peers.Peer) *remote {
	r := &remote{overlay: o, peer: p, id: wire.NodeID(p.ID())}
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

// lane returns the lane for what a sender sends.
func (r *remote) lane(shard uint64) *lane {
	l := &r.lanes[shard%laneCount]
	l.open.Do(func() { l.start(r) })
	return l
}

// ask sends a request of a member to this node. An error means that it was certainly
// not sent.
func (r *remote) ask(from *Member, token uint64, cluster, body []byte, until time.Time, refused refusals, wait bool) error {
	now := time.Now()
	left := until.Sub(now)
	if left <= 0 {
		return nil // its deadline answers it
	}
	r.mu.Lock()
	if r.lost {
		r.mu.Unlock()
		return errLeft
	}
	id := r.calls.Add(until, remoteCall{from, token, until, now, refused})
	r.alarm.set(until)
	r.mu.Unlock()
	r.gauge.begin()

	m := wire.Request{ID: id, Timeout: uint64(left.Microseconds()) + 1, Cluster: cluster, Body: body}
	err := r.lane(from.shard).send(&m, wait)
	if err == nil {
		return nil
	}
	if _, still := r.take(id); !still {
		return nil // it has its answer: the link was lost, or the deadline passed
	}
	r.gauge.abandon()
	if r.ended() {
		return errLeft
	}
	return err
}

// ended reports whether the link has ended.
func (r *remote) ended() bool { return r.peer.Context().Err() != nil }

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
	r.gauge.end(time.Since(c.sent), m.Load)
	result := outcomeFault
	if m.Status == wire.StatusReply {
		result = outcomeReply
	}
	c.from.answer(c.token, result, m.Body, 0)
}

// refusedBy handles a request that comes back, and tries it elsewhere.
func (r *remote) refusedBy(m *wire.Refusal) {
	c, ok := r.take(m.ID)
	if !ok || c.refused.n == maxRefusals {
		return
	}
	r.gauge.refuse(m.Load)
	c.refused.add(target{remote: r}, m.Reason != wire.ReasonNoMember && m.Reason != wire.ReasonDraining)
	// This goroutine reads what comes from that node: it must not wait for another.
	c.from.dispatch(c.token, m.Cluster, m.Body, c.until, c.refused, false)
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
		r.gauge.timeout(now.Sub(c.sent))
	}
	r.alarm.rung()
	if at, ok := r.calls.Next(); ok && !r.lost {
		r.alarm.set(at)
	}
}

// lose answers the requests that a node had whose link is lost.
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
		c.from.answer(c.token, outcomeFault, []byte(FaultMemberLost), 0)
	}
}

// gauge measures what a node takes to answer, as its peer sees it: a peak-sensitive
// moving average of the latency, times what is under way.
type gauge struct {
	underWay atomic.Int64

	mu      sync.Mutex
	latency time.Duration // moving average; zero: nothing is known
	load    uint64        // that the node reported last
	at      time.Time     // of the last measurement
}

// The moving average follows a rise at once and a fall within gaugeDecay, as in
// Finagle's peak EWMA; a refusal counts as an answer that took refusalPenalty. It fades
// in gaugeDecay without an answer, so that who was slow is tried again, and is never
// less than gaugeFloor: of those that nothing is known about, the one with the fewest
// requests is the best.
const (
	gaugeDecay     = 10 * time.Second
	gaugeFloor     = 100 * time.Microsecond
	loadDecay      = time.Second
	refusalPenalty = time.Second
)

func (g *gauge) begin()   { g.underWay.Add(1) }
func (g *gauge) abandon() { g.underWay.Add(-1) }

func (g *gauge) end(took time.Duration, load uint64) {
	g.underWay.Add(-1)
	g.observe(took, load)
}

func (g *gauge) refuse(load uint64) { g.end(refusalPenalty, load) }

// timeout counts a request that was not answered in the time that it had as one that
// was answered then.
func (g *gauge) timeout(took time.Duration) {
	g.mu.Lock()
	load := g.load
	g.mu.Unlock()
	g.end(took, load)
}

func (g *gauge) observe(took time.Duration, load uint64) {
	now := time.Now()
	g.mu.Lock()
	defer g.mu.Unlock()
	old := g.faded(now)
	weight := max(0.01, 1-g.fresh(now))
	if took >= old {
		weight = 1
	}
	g.latency = old + time.Duration(weight*float64(took-old))
	g.load, g.at = load, now
}

// cost is what one more request would cost, in seconds times requests.
func (g *gauge) cost(now time.Time) float64 {
	g.mu.Lock()
	defer g.mu.Unlock()
	load := float64(g.underWay.Load())
	if age := now.Sub(g.at); age < loadDecay {
		load = max(load, float64(g.load)*(1-float64(age)/float64(loadDecay)))
	}
	return g.expect(now) * (load + 1)
}

// expect returns how long an answer should take, in seconds. The lock is held.
func (g *gauge) expect(now time.Time) float64 { return max(g.faded(now), gaugeFloor).Seconds() }

// faded returns what is left of the average. The lock is held.
func (g *gauge) faded(now time.Time) time.Duration {
	return time.Duration(g.fresh(now) * float64(g.latency))
}

// fresh falls from 1 to 0 within gaugeDecay after an answer. The lock is held.
func (g *gauge) fresh(now time.Time) float64 {
	return 1 - min(float64(now.Sub(g.at))/float64(gaugeDecay), 1)
}
