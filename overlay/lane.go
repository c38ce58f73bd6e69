package overlay

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/project-iris/iris/overlay/peers"
	"github.com/project-iris/iris/overlay/wire"
	"github.com/project-iris/iris/transport"
	"github.com/project-iris/iris/transport/outbox"
)

// Messages to a node travel in lanes: streams in one direction, opened when they are
// first needed. All that one member sends takes the same one, which keeps its order,
// and a packet that is lost holds up one lane and not the others.
const (
	laneCount = 4
	// laneLimit is how many bytes may wait in a lane before senders wait for room.
	laneLimit = 4 << 20
	// handTimeout is how long the other node may take to read what is left in a lane
	// when this one ends it.
	handTimeout = time.Second
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
// link or with finish.
func (l *lane) start(r *remote) {
	l.ctx = r.peer.Context()
	s, err := r.peer.Open(l.ctx, peers.KindLane)
	if err != nil {
		return
	}
	l.out = outbox.New(s, laneLimit, 0)
	stop := context.AfterFunc(l.ctx, func() { l.out.Abort(errLinkLost) })
	r.writers.Go(func() {
		defer stop()
		if l.out.Run() == nil {
			l.hand(s)
		}
		s.Reset(transport.CodeNone)
	})
}

// hand ends the stream, and waits until the other node has read all of it and ends it
// too: a link that is closed before may lose what is on its way.
func (l *lane) hand(s transport.Stream) {
	if s.CloseWrite() != nil {
		return
	}
	_ = s.SetReadDeadline(time.Now().Add(handTimeout))
	_, _ = s.Read(make([]byte, 1))
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
