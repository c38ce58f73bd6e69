package client

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/project-iris/iris/relay/wire"
	"github.com/project-iris/iris/transport/outbox"
)

// Conn is an attached application. Anyone may call any method at any time.
//
// A connection that is lost is not made again: Done tells, and whoever wants to
// go on connects or registers anew.
type Conn struct {
	config  Config
	service Service
	cluster string // that it is a member of; empty: none
	log     *slog.Logger
	link    net.Conn
	reader  *wire.Reader // the read goroutine's own
	out     *outbox.Outbox
	running group // every goroutine of this connection

	ctx    context.Context // of handlers; ends with the connection
	cancel context.CancelCauseFunc

	requests   *inbox[inboundRequest]
	broadcasts *inbox[[]byte]
	calls      calls
	topics     topics
	tunnels    tunnels
	counters   counters

	began   time.Time
	closing atomic.Bool   // Close has been called
	closed  chan struct{} // closed when Close is over
	result  error         // of Close; set before closed is closed

	ended sync.Once
	done  chan struct{}
	err   error // why the connection ended; set before done is closed
}

func newConn(link net.Conn, reader *wire.Reader, service Service, config Config) *Conn {
	c := &Conn{
		config:  config,
		service: service,
		log:     config.Logger.With("relay", config.Address),
		link:    link,
		reader:  reader,
		out:     outbox.New(link, config.SendQueue, 0),
		closed:  make(chan struct{}),
		done:    make(chan struct{}),
		began:   time.Now(),
	}
	c.ctx, c.cancel = context.WithCancelCause(context.Background())
	c.requests = newInbox(&c.running, config.ReceiveQueue, config.Handlers, c.serve)
	c.broadcasts = newInbox(&c.running, config.ReceiveQueue, 1, c.deliver)
	c.calls.open = make(map[uint64]*call)
	c.topics.subscriptions = make(map[string][]*Subscription)
	c.tunnels.byID = make(map[uint64]*Tunnel)
	return c
}

// Done is closed when the connection has ended, by Close or otherwise. Broadcasts
// and events that had arrived may still be delivered after it.
func (c *Conn) Done() <-chan struct{} { return c.done }

// Err returns nil until Done is closed. Then it returns [ErrClosed], which wraps
// the cause unless the connection ended by Close.
func (c *Conn) Err() error {
	select {
	case <-c.done:
		return c.err
	default:
		return nil
	}
}

// end is the end of the connection; only the first call has an effect. Whoever
// waits for the node learns the error.
func (c *Conn) end(err error) {
	c.ended.Do(func() {
		c.err = err
		c.cancel(err)
		c.out.Abort(err)
		_ = c.link.Close()
		c.requests.discard() // nobody can be answered
		c.calls.fail(err)
		c.tunnels.fail(err)
		close(c.done)
		c.log.Debug("connection ended", "reason", err)
	})
}

// write writes what is queued until the connection ends.
func (c *Conn) write() {
	if err := c.out.Run(); err != nil {
		c.end(lost(err))
	}
}

// lost is the error of a connection that broke.
func lost(cause error) error {
	if errors.Is(cause, ErrClosed) {
		return cause
	}
	return fmt.Errorf("%w: %w", ErrClosed, cause)
}

// dropped replaces the end of the stream, which must not be mistaken for the clean
// end of a tunnel.
func dropped(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return fmt.Errorf("the node dropped the connection: %w", io.ErrUnexpectedEOF)
	}
	return err
}

// begin is the outbox's BeginWait for what the application sends. The caller must
// call c.out.Commit.
func (c *Conn) begin(ctx context.Context, size int) ([]byte, error) {
	if c.closing.Load() {
		return nil, ErrClosed
	}
	b, err := c.out.BeginWait(ctx, size)
	if err != nil {
		return nil, sendError(ctx, err)
	}
	return b, nil
}

// waitRoom waits until something can be sent.
func (c *Conn) waitRoom(ctx context.Context) error {
	if err := c.out.WaitRoom(ctx); err != nil {
		return sendError(ctx, err)
	}
	return nil
}

// sendError says in the words of this package why nothing could be sent.
func sendError(ctx context.Context, err error) error {
	if ctx.Err() != nil && errors.Is(err, ctx.Err()) {
		return contextError(ctx)
	}
	return lost(err)
}
