package client

import (
	"context"
	"net"
	"sync"
	"time"

	"github.com/project-iris/iris/relay/wire"
	"github.com/project-iris/iris/transport/nowait"
	"github.com/project-iris/iris/transport/outbox"
)

// attachment is one connection of a Conn to the node, from the node's INIT to the loss of
// the connection. What the node numbers is valid within it only, so whatever answers the
// node keeps the attachment that it was asked by.
type attachment struct {
	*Conn
	link   net.Conn
	reader *wire.Reader // the read goroutine's own
	out    *outbox.Outbox
	since  time.Time

	ctx    context.Context // of handlers; ends with the attachment
	cancel context.CancelCauseFunc

	loops sync.WaitGroup // read and write
	ended sync.Once
	done  chan struct{} // closed when it has ended; the loops may still run for a moment
	cause error         // why it has ended; set before done is closed
}

func newAttachment(c *Conn, link net.Conn, reader *wire.Reader) *attachment {
	a := &attachment{
		Conn:   c,
		link:   link,
		reader: reader,
		out:    outbox.New(&sending{link, nowait.New(link)}, c.config.SendQueue, 0),
		since:  time.Now(),
		done:   make(chan struct{}),
	}
	a.out.SetApart() // a request does not wait for room that events take
	a.ctx, a.cancel = context.WithCancelCause(context.Background())
	return a
}

// run begins to read and to write.
func (a *attachment) run() {
	for _, loop := range []func(){a.read, a.write} {
		a.loops.Add(1)
		a.running.start(func() {
			defer a.loops.Done()
			loop()
		})
	}
}

// end is the end of the attachment; only the first call has an effect. Whoever
// waits for the node learns the error.
func (a *attachment) end(err error) {
	a.ended.Do(func() {
		a.cause = err
		a.cancel(err)
		a.out.Abort(err) // first: what is sent from here on is refused
		_ = a.link.Close()
		a.requests.clear() // nobody can be answered
		a.calls.fail(err, a.out.Prompt.Handed())
		a.tunnels.fail(err)
		a.counters.unsentBytes.Add(a.out.Dropped())
		a.log.Debug("connection ended", "reason", err)
		close(a.done)
		if !a.config.Reconnect {
			a.finish(err)
		}
	})
}

// write writes what is queued until the connection ends.
func (a *attachment) write() {
	if err := a.out.Run(); err != nil {
		a.end(lost(err))
	}
}

// sending is a connection as an outbox writes to it.
type sending struct {
	net.Conn
	now *nowait.Writer
}

// TryWrite writes what the connection takes at once.
func (s *sending) TryWrite(b []byte) int { return s.now.Write(b) }

// begin is BeginWait of a queue of the outbox, for what the application sends. The caller must
// call a.out.Commit.
func (a *attachment) begin(ctx context.Context, q *outbox.Queue, size int) ([]byte, error) {
	if a.closing.Load() {
		return nil, notSent(ErrClosed)
	}
	b, err := q.BeginWait(ctx, size)
	if err != nil {
		return nil, sendError(ctx, err)
	}
	return b, nil
}

// waitRoom waits until something can be added to a queue of the outbox.
func waitRoom(ctx context.Context, q *outbox.Queue) error {
	if err := q.WaitRoom(ctx); err != nil {
		return sendError(ctx, err)
	}
	return nil
}
