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
)

// Conn is an attached application. Anyone may call any method at any time.
//
// A connection to the node that is lost is made again if [Config].Reconnect says so; the
// package comment tells what becomes of what was under way. Else it is the end of the Conn:
// Done tells, and whoever wants to go on connects or registers anew.
type Conn struct {
	config  Config
	service Service
	cluster string // that it is a member of; empty: none
	log     *slog.Logger
	dial    dialer
	running group // every goroutine of this Conn
	began   time.Time

	requests   *inbox[inboundRequest]
	broadcasts *inbox[[]byte]
	calls      calls
	topics     topics
	tunnels    tunnels
	counters   counters

	// current is the last attachment: the one in use, or one that has ended.
	current atomic.Pointer[attachment]

	install   sync.Mutex         // makes one of current and closing change at a time
	closing   atomic.Bool        // Close has been called
	left      atomic.Bool        // Leave has been: it joins no cluster again
	attaching context.Context    // of attaching again; ends with Close
	stop      context.CancelFunc // ends attaching
	closed    chan struct{}      // closed when Close is over
	result    error              // of Close; set before closed is closed

	done chan struct{}
	err  error // why this is the end; set before done is closed
}

// dialer connects to the node.
type dialer func(ctx context.Context, address string) (net.Conn, error)

func newConn(cluster string, service Service, config Config) *Conn {
	c := &Conn{
		config:  config,
		service: service,
		cluster: cluster,
		log:     config.Logger.With("relay", config.Address),
		dial:    dialNode,
		began:   time.Now(),
		closed:  make(chan struct{}),
		done:    make(chan struct{}),
	}
	c.attaching, c.stop = context.WithCancel(context.Background())
	c.requests = newInbox(&c.running, config.ReceiveQueue, config.Handlers, serve)
	c.broadcasts = newInbox(&c.running, config.ReceiveQueue, 1, c.deliver)
	c.calls.open = make(map[uint64]*call)
	c.topics.subscriptions = make(map[string][]*Subscription)
	c.tunnels.byID = make(map[uint64]*Tunnel)
	return c
}

// Done is closed when this is the end: by Close, or when the connection is lost and not made
// again. Broadcasts and events that had arrived may still be delivered after it.
func (c *Conn) Done() <-chan struct{} { return c.done }

// Err returns nil until Done is closed. Then it returns [ErrClosed], which wraps
// the cause unless it was by Close.
func (c *Conn) Err() error {
	select {
	case <-c.done:
		return c.err
	default:
		return nil
	}
}

// finish is the end. It is called once.
func (c *Conn) finish(err error) {
	c.stop()
	c.err = err
	close(c.done)
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

// sendError says in the words of this package why nothing could be sent.
func sendError(ctx context.Context, err error) error {
	if ctx.Err() != nil && errors.Is(err, ctx.Err()) {
		return contextError(ctx)
	}
	return notSent(lost(err))
}

// notSent is the error of what was not sent because the connection is closed.
func notSent(err error) error {
	if errors.Is(err, ErrNotSent) {
		return err
	}
	return fmt.Errorf("%w: %w", ErrNotSent, err)
}
