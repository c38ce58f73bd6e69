package client

import (
	"context"
	"fmt"

	"github.com/project-iris/iris/relay/wire"
)

// Leave takes this member out of its cluster. When it has returned nil, no request,
// broadcast or tunnel to the cluster reaches this member any more, and others get them.
// All else goes on until Close: requests that the member has in hand, its tunnels and
// subscriptions, and what it sends itself.
//
// There is no way back: whoever wants to serve the cluster again attaches again. A plain
// client is in no cluster, and nothing happens.
//
// Without a deadline of the context it waits for [Config].CloseTimeout. Errors:
// [ErrTimeout], also of a node that is older than this call and has not taken the member
// out; the context's; [ErrClosed].
func (c *Conn) Leave(ctx context.Context) error {
	if _, ok := ctx.Deadline(); !ok {
		limited, cancel := context.WithTimeout(ctx, c.config.CloseTimeout)
		defer cancel()
		ctx = limited
	}
	if err := c.leave(ctx); err != nil {
		return fmt.Errorf("leave cluster %q: %w", c.cluster, err)
	}
	return nil
}

// Drain is Leave, and waits until each call of [Service].Tunnel has returned: Close then cuts
// off no tunnel that was opened to this member. The context alone bounds both. Errors are
// those of Leave.
func (c *Conn) Drain(ctx context.Context) error {
	if err := c.leave(ctx); err != nil {
		return fmt.Errorf("leave cluster %q: %w", c.cluster, err)
	}
	if err := c.tunnels.waitIdle(ctx); err != nil {
		return fmt.Errorf("leave cluster %q: tunnels are open: %w", c.cluster, err)
	}
	return nil
}

// leave confirms an offer that no node makes, under the id of a tunnel that is never
// opened: the node closes that when the member has left. A connection that is made again
// does not join the cluster again.
func (c *Conn) leave(ctx context.Context) error {
	c.left.Store(true)
	a := c.current.Load()
	t, err := c.tunnels.add(a)
	if err != nil {
		return err
	}
	m := wire.TunConfirm{BuildID: wire.BuildLeave, ID: t.id}
	b, err := a.begin(ctx, &a.out.Prompt, m.Size())
	if err != nil {
		c.tunnels.remove(t.id)
		return err
	}
	a.out.Commit(m.Append(b))
	select {
	case <-t.gone:
		return t.result
	case <-ctx.Done():
		c.tunnels.remove(t.id)
		return contextError(ctx)
	}
}
