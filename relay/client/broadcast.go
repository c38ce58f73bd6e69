package client

import (
	"context"
	"fmt"

	"github.com/project-iris/iris/relay/wire"
)

// Broadcast sends a message to every member of a cluster, this application
// included if it is one. It returns when the message is queued for the node, and
// waits for room until the context ends. Messages of one sender arrive in order.
//
// Errors: [ErrTimeout], the context's, [ErrTooLarge], [ErrClosed].
func (c *Conn) Broadcast(ctx context.Context, cluster string, message []byte) error {
	err := c.checkMessage(cluster, message)
	if err == nil {
		err = c.sendBroadcast(ctx, cluster, message)
	}
	if err != nil {
		return fmt.Errorf("broadcast to %q: %w", cluster, err)
	}
	return nil
}

func (c *Conn) sendBroadcast(ctx context.Context, cluster string, message []byte) error {
	m := wire.Broadcast{Cluster: []byte(cluster), Message: message}
	a := c.current.Load()
	b, err := a.begin(ctx, &a.out.Bulk, m.Size())
	if err != nil {
		return err
	}
	a.out.Commit(m.Append(b))
	return nil
}

// receiveBroadcast queues a broadcast for the service.
func (c *Conn) receiveBroadcast(m *wire.Delivery) {
	if c.service.Broadcast == nil {
		return
	}
	if !c.broadcasts.put(append([]byte{}, m.Message...), len(m.Message)) {
		c.count(&c.counters.droppedBroadcasts, "broadcast dropped", "reason", "queue is full")
	}
}

func (c *Conn) deliver(message []byte) { c.service.Broadcast(message) }
