package tcp

import (
	"context"
	"log/slog"
	"net"
	"time"

	"github.com/project-iris/iris/transport"
	"github.com/project-iris/iris/transport/failpoint"
	"github.com/project-iris/iris/transport/identity"
	"github.com/project-iris/iris/transport/secure"
)

// Scheme is the transport's name in addresses.
const Scheme = "tcp"

// DefaultDialTimeout bounds the making of a TCP connection.
const DefaultDialTimeout = 10 * time.Second

// Config says how to make links. Zero values mean the defaults.
type Config struct {
	// Identity is who this node is. Required.
	Identity *identity.Identity

	// Versions are those of the protocol between nodes that this one speaks.
	Versions transport.Versions

	// Logger gets a line a minute about peers that were refused; nil means
	// none.
	Logger *slog.Logger

	// DialTimeout bounds the making of a TCP connection, before TLS; 0 means
	// DefaultDialTimeout.
	DialTimeout time.Duration

	// HandshakeTimeout, MaxHandshakes, Backlog, KeepAlive, MaxWindow and
	// WindowBudget are those of [secure.Config].
	HandshakeTimeout time.Duration
	MaxHandshakes    int
	Backlog          int
	KeepAlive        time.Duration
	MaxWindow        int
	WindowBudget     int
}

// A Transport is a transport.Transport over TCP. Addresses are "host:port", for
// IPv4 and IPv6. It must be closed.
type Transport struct {
	endpoint *secure.Endpoint
	dialer   net.Dialer
}

var _ transport.Transport = (*Transport)(nil)

// New returns a transport that makes links for the identity.
func New(config Config) *Transport {
	if config.DialTimeout == 0 {
		config.DialTimeout = DefaultDialTimeout
	}
	return &Transport{
		endpoint: secure.New(secure.Config{
			Identity:         config.Identity,
			Versions:         config.Versions,
			Scheme:           Scheme,
			Logger:           config.Logger,
			HandshakeTimeout: config.HandshakeTimeout,
			MaxHandshakes:    config.MaxHandshakes,
			Backlog:          config.Backlog,
			KeepAlive:        config.KeepAlive,
			MaxWindow:        config.MaxWindow,
			WindowBudget:     config.WindowBudget,
		}),
		dialer: net.Dialer{Timeout: config.DialTimeout},
	}
}

// Scheme returns "tcp".
func (t *Transport) Scheme() string { return Scheme }

// Versions returns those that the transport was made with.
func (t *Transport) Versions() transport.Versions { return t.endpoint.Versions() }

// Evicted returns how many unfinished handshakes were ended to make room for others.
func (t *Transport) Evicted() uint64 { return t.endpoint.Evicted() }

// Refused returns how many peers were refused.
func (t *Transport) Refused() uint64 { return t.endpoint.Refused() }

// Dial makes a link to the node at addr.
func (t *Transport) Dial(ctx context.Context, addr string, want transport.PeerID) (transport.Link, error) {
	if err := t.endpoint.Err(); err != nil {
		return nil, err
	}
	ctx, release := t.endpoint.Bind(ctx)
	defer release()
	conn, err := t.dialer.DialContext(ctx, "tcp", addr)
	if err != nil {
		return nil, t.dialError(ctx, addr, err)
	}
	return t.endpoint.Dial(ctx, noDelay(conn), addr, want)
}

// dialError tells a caller that gave up, and a transport that was closed, from
// a path that failed.
func (t *Transport) dialError(ctx context.Context, addr string, err error) error {
	if closed := t.endpoint.Err(); closed != nil {
		return closed
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	timeout, ok := err.(net.Error)
	return &transport.NetworkError{Op: "dial", Addr: addr, Silent: ok && timeout.Timeout(), Err: err}
}

// Listen accepts links at addr. An empty host means all interfaces, IPv4 and
// IPv6 alike; port 0 means a free one.
func (t *Transport) Listen(ctx context.Context, addr string) (transport.Listener, error) {
	if err := t.endpoint.Err(); err != nil {
		return nil, err
	}
	var config net.ListenConfig
	inner, err := config.Listen(ctx, "tcp", addr)
	if err != nil {
		return nil, &transport.NetworkError{Op: "listen", Addr: addr, Err: err}
	}
	listener, err := t.endpoint.Listen(noDelayListener{inner})
	if err != nil {
		return nil, err
	}
	return listener, nil
}

// Close closes all listeners and links.
func (t *Transport) Close() error { return t.endpoint.Close() }

// noDelay turns Nagle's algorithm off: the multiplexer gathers small frames
// itself. It is Go's default, and said here since links depend on it.
func noDelay(conn net.Conn) net.Conn {
	if tcp, ok := conn.(*net.TCPConn); ok {
		_ = tcp.SetNoDelay(true)
	}
	return conn
}

// A noDelayListener does the same for the connections that it accepts.
type noDelayListener struct{ net.Listener }

// Accept waits for a connection.
func (l noDelayListener) Accept() (net.Conn, error) {
	if err := failpoint.Hit("accept over tcp"); err != nil {
		return nil, err
	}
	conn, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return noDelay(conn), nil
}
