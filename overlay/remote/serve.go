package remote

import (
	"time"

	"github.com/project-iris/iris/overlay/session"
	"github.com/project-iris/iris/overlay/wire"
)

// serve hands a request of the node to a member of this one, or sends it back.
func (r *Remote) serve(m *wire.Request) {
	reason, load, ok := r.config.Host.Serve(r, m, time.Now().Add(wire.Duration(m.Timeout)))
	if ok {
		return
	}
	back := wire.Refusal{ID: m.ID, Reason: reason, Load: uint64(max(load, 0)), Cluster: m.Cluster, Body: m.Body}
	l := r.Lane(m.ID)
	if b, err := l.Begin(back.Size(), 0); err == nil {
		l.Commit(back.Append(b))
		return
	}
	// There is no room to send it back, so it cannot be tried elsewhere.
	r.config.Stuck.Add(1)
	fault(l, m.ID, 0, []byte(FaultOverloaded))
}

// Answer sends the answer of a member to the node that asked. It waits for room in the lane,
// for [Patience] at most, which slows the member. An answer that finds none is dropped and
// counted: the node that asked does not read. A short fault does not wait, and is not dropped.
func (r *Remote) Answer(token uint64, ok bool, body []byte, load int64) {
	const short = 256
	l := r.Lane(token)
	if !ok && len(body) <= short {
		fault(l, token, load, body)
		return
	}
	m := wire.Reply{ID: token, Status: wire.StatusReply, Load: uint64(max(load, 0)), Body: body}
	if !ok {
		m.Status = wire.StatusFault
	}
	b, err := l.Begin(m.Size(), Patience)
	if err != nil {
		r.config.Dropped.Add(1)
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
