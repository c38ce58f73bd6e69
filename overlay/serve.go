package overlay

import (
	"errors"
	"math"
	"time"

	"github.com/project-iris/iris/overlay/wire"
	"github.com/project-iris/iris/transport"
)

var errTooManyLanes = &transport.ClosedError{Code: transport.CodeProtocol, Reason: "too many lanes"}

// receive handles what a node sends in one of its lanes, until the lane ends or breaks
// the protocol, which ends the link. What came over an earlier link comes first.
func (r *remote) receive(s transport.Stream) {
	if r.readers.Add(1) > maxLanes {
		r.cut(errTooManyLanes)
		return
	}
	defer r.readers.Add(-1)
	for _, down := range r.before {
		select {
		case <-down:
		case <-r.peer.Context().Done():
			return
		}
	}
	reader := wire.NewReader(s, wire.Limits{Budget: r.overlay.frames})
	defer reader.Close()
	for {
		m, err := reader.Read()
		if err != nil {
			r.broke(err)
			return
		}
		if r.ended() {
			return
		}
		r.handle(m)
	}
}

// broke ends the link if that is what an error of reading means: that the node breaks
// the protocol, or that there is no memory for what it sends.
func (r *remote) broke(err error) {
	if _, ok := errors.AsType[*wire.ViolationError](err); ok {
		r.cut(&transport.ClosedError{Code: transport.CodeProtocol, Reason: err.Error()})
	}
	if errors.Is(err, wire.ErrBudget) {
		r.overlay.counters.framesRefused.Add(1)
		r.cut(&transport.ClosedError{Code: transport.CodeBusy, Reason: err.Error()})
	}
}

func (r *remote) handle(m wire.Message) {
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
	case *wire.Spread:
		r.passOn(m)
	case *wire.Copy:
		r.copied(m)
	case *wire.Passed:
		r.overlay.net.fences.passed(m.Token, r.id)
	}
}

// serve hands a request of another node to a member of this one, or refuses it.
func (r *remote) serve(m *wire.Request) {
	deadline := time.Now().Add(microseconds(m.Timeout))
	reason := wire.ReasonNoMember
	for {
		to := r.overlay.pickLocal(m.Cluster, &refusals{})
		if to.full {
			reason = wire.ReasonOverloaded
		}
		if to.member == nil {
			break
		}
		err := to.member.serve(r, m.ID, m.Body, deadline)
		if err == nil {
			return
		}
		if !errors.Is(err, errLeft) {
			r.overlay.refused(to)
		}
	}
	back := wire.Refusal{ID: m.ID, Reason: reason, Cluster: m.Cluster, Body: m.Body}
	l := r.lane(m.ID)
	if b, err := l.begin(back.Size(), 0); err == nil {
		l.commit(back.Append(b))
		return
	}
	// There is no room to send it back, so it cannot be tried elsewhere.
	l.fault(m.ID, 0, []byte(FaultOverloaded))
}

// pickLocal picks a member of this node for a request or a tunnel of another. The target
// has no member if there is none, or all are full.
func (o *Overlay) pickLocal(cluster []byte, refused *refusals) target {
	o.mu.Lock()
	defer o.mu.Unlock()
	c := o.clusters[string(cluster)]
	if c == nil {
		return target{}
	}
	m := c.pick(refused)
	if m == nil {
		return target{full: len(c.members) > 0}
	}
	m.load.Add(1)
	return target{member: m, made: m.room.made}
}

// answer sends the answer of a member to the node that asked. It waits for room, as
// the member's own node makes it slow down, but not for a short fault. A reply that
// finds none is dropped: the node that asked reads nothing.
func (r *remote) answer(token uint64, result outcome, body []byte, load int64) {
	const short = 256
	l := r.lane(token)
	if result == outcomeFault && len(body) <= short {
		l.fault(token, load, body)
		return
	}
	m := wire.Reply{ID: token, Status: wire.StatusReply, Load: uint64(max(load, 0)), Body: body}
	if result != outcomeReply {
		m.Status = wire.StatusFault
	}
	b, err := l.begin(m.Size(), lanePatience)
	if err != nil {
		r.overlay.counters.repliesDropped.Add(1)
		return
	}
	l.commit(m.Append(b))
}

// fault sends a short fault, without waiting for room.
func (l *lane) fault(token uint64, load int64, text []byte) {
	m := wire.Reply{ID: token, Status: wire.StatusFault, Load: uint64(max(load, 0)), Body: text}
	if b, err := l.beginOver(m.Size()); err == nil {
		l.commit(m.Append(b))
	}
}

// room locks the lane of a member for a message of a size, as lane.begin does, and waits
// for room. The lane is nil if there is none, or no link.
func (r *remote) room(from *Member, size int) (*lane, []byte) {
	if r == nil {
		return nil, nil
	}
	l := r.lane(from.shard)
	b, err := l.begin(size, lanePatience)
	if err != nil {
		return nil, nil
	}
	return l, b
}

// microseconds converts a timeout of the protocol; what exceeds the range of a
// time.Duration is cut to it.
func microseconds(us uint64) time.Duration {
	if us > math.MaxInt64/uint64(time.Microsecond) {
		return math.MaxInt64
	}
	return time.Duration(us) * time.Microsecond
}
