package overlay

import (
	"context"
	"errors"
	"sync"

	"github.com/project-iris/iris/overlay/peers"
	"github.com/project-iris/iris/overlay/wire"
	"github.com/project-iris/iris/transport/outbox"
)

// Messages to a node travel in lanes: streams in one direction, opened when they are
// first needed. All that one member sends takes the same one, which keeps its order,
// and a packet that is lost holds up one lane and not the others.
const (
	laneCount = 4
	// laneLimit is how many bytes may wait in a lane before senders wait for room.
	laneLimit = 4 << 20
)

// errLinkLost says that the link to a node has ended.
var errLinkLost = errors.New("link to the node is lost")

// lane is a stream of messages to another node.
type lane struct {
	open sync.Once
	out  *outbox.Outbox // nil if it could not be opened
	ctx  context.Context
}

// start opens the stream, and starts the goroutine that writes it, which ends with the
// link.
func (l *lane) start(r *remote) {
	l.ctx = r.peer.Context()
	s, err := r.peer.Open(l.ctx, peers.KindLane)
	if err != nil {
		return
	}
	l.out = outbox.New(s, laneLimit, 0)
	r.overlay.net.work.Go(func() {
		_ = l.out.Run() // what fails is the link, which others notice as well
		_ = s.CloseWrite()
	})
	context.AfterFunc(l.ctx, func() { l.out.Abort(errLinkLost) })
}

// send queues a message. With wait it waits for room as long as the link lasts, else it
// fails with outbox.ErrFull.
func (l *lane) send(m wire.Message, wait bool) error {
	if l.out == nil {
		return errLinkLost
	}
	var b []byte
	var err error
	if wait {
		b, err = l.out.BeginWait(l.ctx, m.Size())
	} else {
		b, err = l.out.Begin(m.Size())
	}
	if err != nil {
		return err
	}
	l.out.Commit(m.Append(b))
	return nil
}

// push queues a small message that must not be dropped.
func (l *lane) push(m wire.Message) {
	if l.out == nil {
		return
	}
	if b, err := l.out.BeginOver(m.Size()); err == nil {
		l.out.Commit(m.Append(b))
	}
}
