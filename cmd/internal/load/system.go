package load

import (
	"context"
	"errors"
)

// System is something to attach applications to. Where is a TCP port of this host.
type System interface {
	// Connect attaches an application that asks and sends.
	Connect(ctx context.Context, port int) (Conn, error)
	// Serve attaches a member of a cluster.
	Serve(ctx context.Context, port int, cluster string, service Service) (Conn, error)
}

// Conn is an attached application. A system that lacks one of the schemes returns
// errors.ErrUnsupported. Methods may be called by any goroutine.
type Conn interface {
	// Request asks one member of a cluster, and returns a reply that is the caller's.
	Request(ctx context.Context, cluster string, body []byte) ([]byte, error)
	// Publish sends an event to the subscribers of a topic. It may be called with the
	// same event again as soon as it has returned.
	Publish(ctx context.Context, topic string, event []byte) error
	// Subscribe has a function called with each event, one at a time.
	Subscribe(ctx context.Context, topic string, handle func(event []byte)) error
	// Broadcast sends a message to each member of a cluster, as Publish does.
	Broadcast(ctx context.Context, cluster string, message []byte) error
	// Tunnel opens a tunnel to a member of a cluster.
	Tunnel(ctx context.Context, cluster string) (Tunnel, error)
	// Close detaches.
	Close() error
}

// Service is what a member of a cluster does.
type Service struct {
	// Request answers a request. It may be called by several goroutines.
	Request func(body []byte) []byte
	// Broadcast takes a broadcast. Calls are one at a time.
	Broadcast func(message []byte)
	// Tunnel uses a tunnel, which is closed when it returns.
	Tunnel func(t Tunnel)
}

// Tunnel is an ordered stream of messages. One goroutine may send, and one receive.
type Tunnel interface {
	// Send sends a message, which it does not use after it has returned.
	Send(ctx context.Context, message []byte) error
	// Receive returns the next message; io.EOF after the other side has closed.
	Receive(ctx context.Context) ([]byte, error)
	// Close ends the tunnel. What was sent arrives.
	Close() error
}

// Unsupported is a Conn without any scheme, to embed where there are some.
type Unsupported struct{}

// Request fails.
func (Unsupported) Request(context.Context, string, []byte) ([]byte, error) {
	return nil, errors.ErrUnsupported
}

// Publish fails.
func (Unsupported) Publish(context.Context, string, []byte) error { return errors.ErrUnsupported }

// Subscribe fails.
func (Unsupported) Subscribe(context.Context, string, func([]byte)) error {
	return errors.ErrUnsupported
}

// Broadcast fails.
func (Unsupported) Broadcast(context.Context, string, []byte) error { return errors.ErrUnsupported }

// Tunnel fails.
func (Unsupported) Tunnel(context.Context, string) (Tunnel, error) {
	return nil, errors.ErrUnsupported
}
