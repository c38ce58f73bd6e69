package client

import (
	"context"
	"fmt"
	"math"
	"time"

	"github.com/project-iris/iris/relay/wire"
)

// Service is what a member of a cluster does. Its functions are called from
// goroutines of the connection. What they get is theirs to keep. A panic in them is
// not caught, unless [Recover] is around them: see [Wrap].
type Service struct {
	// Request answers a request. The error's text becomes the fault that the caller
	// gets. Up to Config.Handlers calls run at a time; as many bytes as
	// Config.ReceiveQueue wait for their turn, and what arrives beyond, or waits
	// past its deadline, is answered with the fault "overloaded" and counted. The
	// context ends at the caller's deadline, and when the connection ends.
	//
	// If it is nil, every request is answered with a fault.
	Request func(ctx context.Context, body []byte) ([]byte, error)

	// Broadcast takes a broadcast. Calls are one at a time, in the order of
	// arrival. As many bytes as Config.ReceiveQueue wait for their turn; what
	// arrives beyond is dropped and counted.
	//
	// If it is nil, broadcasts are ignored.
	Broadcast func(message []byte)

	// Tunnel uses a tunnel that somebody opened to this member. The tunnel is
	// closed when the function returns. Up to Config.Tunnels run at a time; those
	// beyond are closed at once and counted.
	//
	// If it is nil, every tunnel is closed at once.
	Tunnel func(t *Tunnel)
}

// faultUnserved answers requests to a service that handles none.
const faultUnserved = "this service answers no requests"

// inboundRequest is a request that waits for its handler.
type inboundRequest struct {
	from     *attachment
	id       uint64
	body     []byte
	deadline time.Time // zero: too far away to matter
}

// receiveRequest queues a request, or answers it at once.
func (a *attachment) receiveRequest(m *wire.Call) {
	if a.service.Request == nil {
		a.refuse(m.ID, faultUnserved)
		return
	}
	r := inboundRequest{from: a, id: m.ID, body: append([]byte{}, m.Body...)}
	if m.Timeout <= math.MaxInt64/uint64(time.Millisecond) {
		r.deadline = time.Now().Add(time.Duration(m.Timeout) * time.Millisecond)
	}
	if !a.requests.put(r, len(r.body)) {
		a.overloaded(m.ID)
	}
}

// overloaded answers a request for which there was no room.
func (a *attachment) overloaded(id uint64) {
	a.count(&a.counters.overloadedRequests, "request refused", "reason", FaultOverloaded)
	a.refuse(id, FaultOverloaded)
}

// refuse answers with a fault without waiting. If there is no room for even that,
// the node finds the deadline passed.
func (a *attachment) refuse(id uint64, fault string) {
	m := wire.Reply{ID: id, Body: []byte(fault)}
	if b, err := a.out.Prompt.Begin(m.Size()); err == nil {
		a.out.Commit(m.Append(b))
	}
}

// serve handles a request and answers it, unless its attachment has ended.
func serve(r inboundRequest) {
	if a := r.from; a.ctx.Err() == nil {
		a.serve(r)
	}
}

func (a *attachment) serve(r inboundRequest) {
	ctx := a.ctx
	if !r.deadline.IsZero() {
		limited, cancel := context.WithDeadline(ctx, r.deadline)
		defer cancel()
		ctx = limited
	}
	if ctx.Err() != nil {
		a.overloaded(r.id)
		return
	}
	reply, err := a.service.Request(ctx, r.body)
	m := wire.Reply{ID: r.id, OK: err == nil, Body: reply}
	if err != nil {
		m.Body = []byte(faultText(err))
	}
	if len(m.Body) > a.config.MaxMessage {
		a.log.Warn("reply refused", "reason", "too large", "bytes", len(m.Body))
		m.OK, m.Body = false, fmt.Appendf(nil, "reply of %d bytes is too large", len(m.Body))
	}
	a.reply(&m)
}

// faultText is what the caller learns of a handler's error.
func faultText(err error) string {
	if fault, ok := err.(*FaultError); ok { // a wrapped one has more to say
		return fault.Text
	}
	return err.Error()
}

// reply sends an answer. While the connection closes that is still possible.
func (a *attachment) reply(m *wire.Reply) {
	b, err := a.out.Prompt.BeginWait(a.ctx, m.Size())
	if err != nil {
		return // the connection has ended
	}
	a.out.Commit(m.Append(b))
}
