package overlay

import (
	"errors"
	"math"
	"time"

	"github.com/project-iris/iris/overlay/names"
	"github.com/project-iris/iris/overlay/session"
	"github.com/project-iris/iris/overlay/wire"
)

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
	deadline := time.Now().Add(microseconds(m.Timeout))
	reason := wire.ReasonNoMember
	for {
		to, full := r.overlay.lookup.PickHere(m.Cluster, &names.Refusals{})
		if full {
			reason = wire.ReasonOverloaded
		}
		if to.Member == nil {
			break
		}
		err := to.Member.(local).serve(r, m.ID, m.Body, deadline)
		if err == nil {
			return
		}
		if !errors.Is(err, errLeft) {
			r.overlay.lookup.Refused(to)
		}
	}
	back := wire.Refusal{ID: m.ID, Reason: reason, Cluster: m.Cluster, Body: m.Body}
	l := r.Lane(m.ID)
	if b, err := l.Begin(back.Size(), 0); err == nil {
		l.Commit(back.Append(b))
		return
	}
	// There is no room to send it back, so it cannot be tried elsewhere.
	fault(l, m.ID, 0, []byte(FaultOverloaded))
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

// microseconds converts a timeout of the protocol; what exceeds the range of a
// time.Duration is cut to it.
func microseconds(us uint64) time.Duration {
	if us > math.MaxInt64/uint64(time.Microsecond) {
		return math.MaxInt64
	}
	return time.Duration(us) * time.Microsecond
}
