package relay

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"

	"github.com/project-iris/iris/transport/backoff"
	"github.com/project-iris/iris/transport/outbox"
)

// ErrClosed says that the relay was closed.
var ErrClosed = errors.New("relay is closed")

// Relay serves applications. Its methods are safe for concurrent use.
type Relay struct {
	config   Config
	log      *slog.Logger
	counters counters
	warnings *rate.Limiter  // lines about what goes wrong
	unlogged atomic.Uint64  // of these, since the last that was logged
	tunnels  sync.WaitGroup // outlive their session while they flush
	refused  chan struct{}  // closed by Refuse
	aborted  chan struct{}  // closed by abort, when Close no longer waits for tunnels
	abort    func()

	guard     atomic.Pointer[guard] // nil: everybody may do everything
	reviewing sync.Mutex            // makes one policy after the other come into force
	audits    *rate.Limiter         // lines of the audit

	mu        sync.Mutex
	listeners map[net.Listener]struct{}
	sessions  map[*session]struct{}
	silent    map[*session]struct{} // of these that have not attached
	ended     sync.WaitGroup        // sessions
	refusing  bool
	closed    bool
	next      limits // of applications that attach from now on
}

// limits are what may wait for an application, in bytes, and for how long.
type limits struct {
	queue int
	stall time.Duration
}

// New returns a relay without listeners.
func New(config Config) *Relay {
	config = config.withDefaults()
	r := &Relay{
		config:    config,
		log:       config.Logger,
		warnings:  rate.NewLimiter(1, 20),
		audits:    rate.NewLimiter(20, 200),
		refused:   make(chan struct{}),
		aborted:   make(chan struct{}),
		listeners: make(map[net.Listener]struct{}),
		sessions:  make(map[*session]struct{}),
		next:      limits{config.QueueLimit, config.StallTimeout},
		silent:    make(map[*session]struct{}),
	}
	r.guard.Store(newGuard(config.Policy))
	r.abort = sync.OnceFunc(func() { close(r.aborted) })
	return r
}

// SetLimits changes [Config.QueueLimit] and [Config.StallTimeout] for applications that attach
// from now on.
func (r *Relay) SetLimits(queue int, stall time.Duration) {
	changed := Config{QueueLimit: queue, StallTimeout: stall}.withDefaults()
	r.mu.Lock()
	defer r.mu.Unlock()
	r.next = limits{changed.QueueLimit, changed.StallTimeout}
}

// limits returns those of an application that attaches now.
func (r *Relay) limits() limits {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.next
}

// Serve accepts applications until the listener is closed, by [Relay.Refuse] or
// [Relay.Close], and returns nil then. A host that is out of file descriptors, or
// the like, is waited for.
func (r *Relay) Serve(l net.Listener) error {
	if !r.addListener(l) {
		l.Close()
		return ErrClosed
	}
	defer r.removeListener(l)
	tries := backoff.Backoff{Least: backoffMin, Most: backoffMax}
	for {
		conn, err := l.Accept()
		switch {
		case err == nil:
			tries.Reset()
			r.start(conn)
		case errors.Is(err, net.ErrClosed):
			return nil
		case !r.pause(l, err, &tries):
			return nil
		}
	}
}

// pause waits before the next try to accept, after one has failed. It returns false
// if the listeners are closed, so that there is no next try: not every listener says
// net.ErrClosed then.
func (r *Relay) pause(l net.Listener, err error, tries *backoff.Backoff) bool {
	select {
	case <-r.refused:
		return false
	default:
	}
	wait := tries.Next()
	if tries.First() {
		r.warn(r.log, "cannot accept applications; trying again (too many open files? raise ulimit -n)",
			"addr", l.Addr().String(), "err", err)
	}
	select {
	case <-time.After(wait):
		return true
	case <-r.refused:
		return false
	}
}

func (r *Relay) addListener(l net.Listener) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.refusing {
		return false
	}
	r.listeners[l] = struct{}{}
	return true
}

func (r *Relay) removeListener(l net.Listener) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.listeners, l)
}

// start serves a connection in a goroutine of its own.
func (r *Relay) start(conn net.Conn) {
	if tcp, ok := conn.(*net.TCPConn); ok {
		_ = tcp.SetNoDelay(true) // the default already, but bindings depend on it
		outbox.LimitSocket(tcp, sendBuffer)
	} else {
		outbox.LimitSocket(conn, outbox.SendBuffer)
	}
	s := newSession(r, conn)
	switch {
	case r.run(s):
	case r.isClosed():
		conn.Close()
	default:
		r.counters.connectionsRefused.Add(1)
		r.warn(s.log, "connection of an application is refused: all that this node may have are in use",
			"limit", r.config.Connections)
		s.turnAway(fmt.Sprintf("all %d connections of applications to this node are in use", r.config.Connections))
	}
}

// run runs a session, if the relay takes it.
func (r *Relay) run(s *session) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed || len(r.sessions) >= r.config.Connections && !r.evict() {
		return false
	}
	r.sessions[s], r.silent[s] = struct{}{}, struct{}{}
	r.ended.Go(func() {
		s.run()
		r.mu.Lock()
		delete(r.sessions, s)
		delete(r.silent, s)
		r.mu.Unlock()
	})
	return true
}

// connected returns the sessions that there are.
func (r *Relay) connected() []*session {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Collect(maps.Keys(r.sessions))
}

func (r *Relay) isClosed() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.closed
}

// evict ends any connection that has not attached, to make room for another one, and reports
// whether there was one. Who attaches at once is hit the less the more of them are silent. The
// lock is held.
func (r *Relay) evict() bool {
	for s := range r.silent { // in no order
		delete(r.silent, s)
		delete(r.sessions, s)
		r.counters.connectionsEvicted.Add(1)
		r.warn(s.log, "connection that has not attached makes room for another one", "limit", r.config.Connections)
		s.conn.Close()
		return true
	}
	return false
}

// attached notes that a session is silent no longer.
func (r *Relay) attached(s *session) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.silent, s)
}

// Refuse closes the listeners. Applications that are attached stay.
func (r *Relay) Refuse() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.refusing {
		return
	}
	r.refusing = true
	close(r.refused)
	for l := range r.listeners {
		l.Close()
		delete(r.listeners, l)
	}
}

// Close closes the listeners, writes what applications and tunnels have waiting
// until the context ends, and drops all connections; without a CLOSE frame, which
// would hide from bindings that the node has stopped. All goroutines of the relay
// have ended when it returns.
func (r *Relay) Close(ctx context.Context) {
	r.Refuse()
	r.mu.Lock()
	r.closed = true
	r.mu.Unlock()

	var stopping sync.WaitGroup
	for _, s := range r.connected() { // none can come any more
		stopping.Go(func() { s.stop(ctx) })
	}
	stopping.Wait()
	r.ended.Wait()
	r.endTunnels(ctx)
}

// endTunnels waits for the tunnels that flush, and breaks them when the context
// ends.
func (r *Relay) endTunnels(ctx context.Context) {
	stop := context.AfterFunc(ctx, r.abort)
	defer stop()
	r.tunnels.Wait()
}

// warn logs that an application misbehaves, or the host, unless there have been too many such
// lines lately: twenty at once, then one a second, with how many were left out before it. The
// counts in Stats are complete.
func (r *Relay) warn(log *slog.Logger, text string, args ...any) {
	if r.warnings.Allow() {
		log.Warn(text, append(args, "unlogged", r.unlogged.Swap(0))...)
	} else {
		r.unlogged.Add(1)
	}
}

// backoffMin and backoffMax bound the wait before the next try to accept.
const (
	backoffMin = 5 * time.Millisecond
	backoffMax = time.Second
)
