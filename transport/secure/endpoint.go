package secure

import (
	"context"
	"crypto/tls"
	"log/slog"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/project-iris/iris/transport"
	"github.com/project-iris/iris/transport/identity"
	"github.com/project-iris/iris/transport/refusal"
	"github.com/project-iris/iris/transport/secure/internal/mux"
	"github.com/project-iris/iris/transport/strangers"
)

// The defaults of Config.
const (
	DefaultHandshakeTimeout = 10 * time.Second
	DefaultMaxHandshakes    = 256
	DefaultBacklog          = 256
	DefaultKeepAlive        = mux.DefaultKeepAlive
	DefaultMaxWindow        = mux.DefaultMaxWindow
	DefaultWindowBudget     = mux.DefaultWindowBudget
)

// Config says how to make links. Zero values mean the defaults.
type Config struct {
	// Identity is who this node is. Required.
	Identity *identity.Identity

	// Versions are those of the protocol between nodes that this one speaks.
	Versions transport.Versions

	// Scheme is the transport's, for the log.
	Scheme string

	// Logger gets a line a minute about peers that were refused; nil means
	// none.
	Logger *slog.Logger

	// HandshakeTimeout bounds TLS. The hellos have hello.Timeout after that.
	HandshakeTimeout time.Duration

	// MaxHandshakes is how many unfinished handshakes a listener has at most. The default
	// is less where the process may have few descriptors: an eighth of them.
	MaxHandshakes int

	// Backlog is how many links of a listener wait for Accept at most.
	Backlog int

	// KeepAlive is how often to ping: a silent peer is taken for dead after
	// three times that, and noticed within four.
	KeepAlive time.Duration

	// MaxWindow bounds what may be on the way to this side on one stream, in
	// bytes. It is what a stream can move in a round trip.
	MaxWindow int

	// WindowBudget bounds what a link makes this side hold, in bytes, beyond
	// the 64 KiB that each of its 1,025 streams can have.
	WindowBudget int
}

func (c Config) withDefaults() Config {
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.HandshakeTimeout == 0 {
		c.HandshakeTimeout = DefaultHandshakeTimeout
	}
	if c.MaxHandshakes == 0 {
		c.MaxHandshakes = strangers.Most(DefaultMaxHandshakes)
	}
	if c.Backlog == 0 {
		c.Backlog = DefaultBacklog
	}
	return c
}

// An Endpoint makes links and owns them. Its methods may be called by any
// goroutine at any time.
type Endpoint struct {
	config   Config
	refusals *refusal.Log
	evicted  atomic.Uint64
	mirror   *identity.Mirror
	server   *tls.Config     // of the side that accepts
	ctx      context.Context // ends with Close
	cancel   context.CancelCauseFunc
	closed   chan struct{} // closed when Close has done everything

	mu      sync.Mutex // guards what follows
	closing bool
	work    sync.WaitGroup // handshakes; added to only while not closing
	links   map[*link]struct{}
	ears    map[*Listener]struct{}
}

// New returns an endpoint. It must be closed.
func New(config Config) *Endpoint {
	config = config.withDefaults()
	mirror := identity.NewMirror(config.Identity)
	e := &Endpoint{
		config:   config,
		refusals: refusal.NewLog(config.Logger, config.Scheme),
		mirror:   mirror,
		server:   mirror.ServerTLS(),
		closed:   make(chan struct{}),
		links:    map[*link]struct{}{},
		ears:     map[*Listener]struct{}{},
	}
	e.ctx, e.cancel = context.WithCancelCause(context.Background())
	return e
}

// Versions returns those that the endpoint was made with.
func (e *Endpoint) Versions() transport.Versions { return e.config.Versions }

// Refused returns how many peers were refused.
func (e *Endpoint) Refused() uint64 { return e.refusals.Total() }

// Evicted returns how many unfinished handshakes were ended to make room for others.
func (e *Endpoint) Evicted() uint64 { return e.evicted.Load() }

// Close closes all listeners and links and returns when the last goroutine has
// ended. Closing again waits too.
func (e *Endpoint) Close() error {
	e.mu.Lock()
	first := !e.closing
	e.closing = true
	e.mu.Unlock()
	if first {
		e.closeAll()
		close(e.closed)
	}
	<-e.closed
	return nil
}

func (e *Endpoint) closeAll() {
	e.cancel(transport.ErrClosed)
	for _, ear := range snapshot(&e.mu, e.ears) {
		_ = ear.Close()
	}
	e.work.Wait()
	var closing sync.WaitGroup
	for _, l := range snapshot(&e.mu, e.links) {
		closing.Go(func() { _ = l.Close(nil) })
	}
	closing.Wait()
}

func snapshot[T comparable](mu *sync.Mutex, set map[T]struct{}) []T {
	mu.Lock()
	defer mu.Unlock()
	members := make([]T, 0, len(set))
	for member := range set {
		members = append(members, member)
	}
	return members
}

// Err returns transport.ErrClosed once Close was called, and nil before.
func (e *Endpoint) Err() error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.closing {
		return transport.ErrClosed
	}
	return nil
}

// Bind returns a context that ends with the endpoint too, for a connection
// that is on its way to Dial. The function releases it.
func (e *Endpoint) Bind(ctx context.Context) (context.Context, func()) {
	ctx, cancel := context.WithCancelCause(ctx)
	stop := context.AfterFunc(e.ctx, func() { cancel(transport.ErrClosed) })
	return ctx, func() {
		stop()
		cancel(nil)
	}
}

// begin starts a piece of work that Close waits for, unless it is too late. It
// returns a context that ends with the endpoint too.
func (e *Endpoint) begin(ctx context.Context) (_ context.Context, end func(), err error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.closing {
		return nil, nil, transport.ErrClosed
	}
	e.work.Add(1)
	ctx, release := e.Bind(ctx)
	return ctx, func() {
		release()
		e.work.Done()
	}, nil
}

// own takes a link in, until it ends.
func (e *Endpoint) own(l *link) {
	e.mu.Lock()
	e.links[l] = struct{}{}
	e.mu.Unlock()
	context.AfterFunc(l.Context(), func() {
		e.mu.Lock()
		defer e.mu.Unlock()
		delete(e.links, l)
	})
}

// Dial makes a link out of a connection that this side has dialled at addr, as
// transport.Transport says. The connection belongs to the endpoint from now on,
// whatever comes of it.
func (e *Endpoint) Dial(ctx context.Context, conn net.Conn, addr string, want transport.PeerID) (transport.Link, error) {
	ctx, end, err := e.begin(ctx)
	if err != nil {
		_ = conn.Close()
		return nil, err
	}
	defer end()
	l, err := e.dial(ctx, conn, addr, want)
	if err != nil {
		return nil, err
	}
	e.own(l)
	return l, nil
}

// muxConfig is how links are run.
func (e *Endpoint) muxConfig(dialer bool, addr string, direct bool) mux.Config {
	return mux.Config{
		Dialer: dialer, Addr: addr, Direct: direct,
		KeepAlive: e.config.KeepAlive, MaxWindow: e.config.MaxWindow, WindowBudget: e.config.WindowBudget,
	}
}
