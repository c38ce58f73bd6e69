package client

import (
	"context"
	"fmt"

	"github.com/project-iris/iris/relay/wire"
)

// Close detaches in good order. The node takes what was sent before; a service
// leaves its cluster first and then answers the requests that it was given; open
// tunnels are closed; broadcasts and events that arrived are delivered. Then it
// returns nil: no goroutine of the connection is left. Requests of this
// application that are still open fail with [ErrClosed], as does what is called
// during or after Close.
//
// All this may take [Config].CloseTimeout. After that the connection is dropped,
// what waits is discarded, handlers find their context cancelled and have as long
// again to return; what is still running then is abandoned. The error tells what
// was missing, or why the connection had ended before.
//
// A handler or callback cannot wait for its own end: it calls Close in a goroutine.
// Further calls return what the first one returned, when it returned.
func (c *Conn) Close() error {
	if c.beginClose() {
		c.result = c.detach()
		close(c.closed)
	}
	<-c.closed
	return c.result
}

// beginClose returns whether this is the first call. No attachment is made after it.
func (c *Conn) beginClose() bool {
	c.install.Lock()
	defer c.install.Unlock()
	defer c.stop()
	return c.closing.CompareAndSwap(false, true)
}

func (c *Conn) detach() error {
	ctx, cancel := context.WithTimeout(context.Background(), c.config.CloseTimeout)
	defer cancel()
	c.closeTunnels()
	a := c.current.Load()
	a.sendClose()
	select {
	case <-c.done:
	case <-ctx.Done():
		a.end(fmt.Errorf("%w: the node did not confirm: %w", ErrClosed, ErrTimeout))
		<-c.done
	}
	if left := c.join(ctx); left > 0 {
		return fmt.Errorf("%w: %d handlers or callbacks still run", ErrTimeout, left)
	}
	if c.err == ErrClosed { // alone: it has no other cause
		return nil
	}
	return c.err
}

// sendClose sends CLOSE, behind whatever is queued.
func (a *attachment) sendClose() {
	var m wire.Close
	a.out.Order()
	if b, err := a.out.Bulk.BeginOver(m.Size()); err == nil {
		a.out.Commit(m.Append(b))
	}
}

// join waits for the goroutines. It returns how many it gave up on.
func (c *Conn) join(ctx context.Context) int {
	if c.running.wait(ctx) == 0 {
		return 0
	}
	c.broadcasts.discard()
	c.topics.discard()
	ctx, cancel := context.WithTimeout(context.Background(), c.config.CloseTimeout)
	defer cancel()
	return c.running.wait(ctx)
}
