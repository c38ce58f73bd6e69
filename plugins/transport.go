package plugins

import (
	"context"
	"net"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/project-iris/iris/transport"
	"github.com/project-iris/iris/transport/secure"
)

// A Transport is a transport.Transport whose connections a plugin makes. It must be
// closed.
type Transport struct {
	name       string
	supervisor *supervisor
	endpoint   *secure.Endpoint
}

var _ transport.Transport = (*Transport)(nil)

// New starts the plugin. It fails with one of this package's errors, or with the
// plugin's text, if the plugin is not what it should be or does not take its options.
func New(config Config) (*Transport, error) {
	config, err := config.resolve()
	if err != nil {
		return nil, err
	}
	s, err := newSupervisor(config)
	if err != nil {
		return nil, err
	}
	return &Transport{
		name:       config.Name,
		supervisor: s,
		endpoint: secure.New(secure.Config{
			Identity: config.Identity, Versions: config.Versions, Scheme: config.Name, Logger: config.Logger,
		}),
	}, nil
}

// Scheme returns the plugin's name.
func (t *Transport) Scheme() string { return t.name }

// Versions returns those that the transport was made with.
func (t *Transport) Versions() transport.Versions { return t.endpoint.Versions() }

// Evicted returns how many unfinished handshakes were ended to make room for others.
func (t *Transport) Evicted() uint64 { return t.endpoint.Evicted() }

// Refused returns how many peers were refused.
func (t *Transport) Refused() uint64 { return t.endpoint.Refused() }

// Restarts returns how often the plugin was started again.
func (t *Transport) Restarts() uint64 {
	t.supervisor.mu.Lock()
	defer t.supervisor.mu.Unlock()
	return t.supervisor.restarts
}

// Dial makes a link to the node at addr. While the plugin does not run it fails at once.
func (t *Transport) Dial(ctx context.Context, addr string, want transport.PeerID) (transport.Link, error) {
	if err := t.endpoint.Err(); err != nil {
		return nil, err
	}
	ctx, release := t.endpoint.Bind(ctx)
	defer release()
	conn, err := t.connect(ctx, addr)
	if err != nil {
		return nil, t.dialError(ctx, addr, err)
	}
	return t.endpoint.Dial(ctx, conn, addr, want)
}

func (t *Transport) connect(ctx context.Context, addr string) (net.Conn, error) {
	if err := checkAddress(addr); err != nil {
		return nil, err
	}
	running, err := t.supervisor.running()
	if err != nil {
		return nil, err
	}
	return running.dial(ctx, addr)
}

// dialError tells a caller that gave up, and a transport that was closed, from a path
// that failed.
func (t *Transport) dialError(ctx context.Context, addr string, err error) error {
	if closed := t.endpoint.Err(); closed != nil {
		return closed
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	silent := status.Code(err) == codes.DeadlineExceeded
	if answer, ok := status.FromError(err); ok {
		err = &pluginError{t.name, cut(answer.Message())}
	}
	return &transport.NetworkError{Op: "dial", Addr: addr, Silent: silent, Err: err}
}

// A pluginError is what a plugin says went wrong.
type pluginError struct{ name, text string }

// Error says who says so.
func (e *pluginError) Error() string { return "plugin " + e.name + ": " + e.text }

// Listen accepts links at addr, HOST:PORT. It fails with syscall.EADDRINUSE in the
// error's chain if the plugin says that the address is taken.
func (t *Transport) Listen(ctx context.Context, addr string) (transport.Listener, error) {
	if err := t.endpoint.Err(); err != nil {
		return nil, err
	}
	inner, err := t.supervisor.listen(ctx, addr)
	if err != nil {
		return nil, &transport.NetworkError{Op: "listen", Addr: addr, Err: err}
	}
	listener, err := t.endpoint.Listen(inner)
	if err != nil {
		_ = inner.Close()
		return nil, err
	}
	return listener, nil
}

// Close closes all listeners and links, and ends the plugin.
func (t *Transport) Close() error {
	err := t.endpoint.Close()
	t.supervisor.stop()
	return err
}
