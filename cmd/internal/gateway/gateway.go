package gateway

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"

	"golang.org/x/time/rate"

	"github.com/project-iris/iris/relay/client"
)

// Gateway is a handler of HTTP that is attached to a node. Its methods are safe for
// concurrent use.
type Gateway struct {
	config   Config
	conn     *client.Conn
	calls    chan struct{} // holds one for each that is under way
	ctx      context.Context
	stop     context.CancelFunc // ends the streams
	warnings *rate.Limiter

	counts  map[Reason]*atomic.Uint64 // fixed when it is made
	handled atomic.Uint64

	mu      sync.Mutex
	streams map[*stream]struct{}
}

// Open attaches a gateway to the node. Errors are those of [client.Connect].
func Open(ctx context.Context, config Config) (*Gateway, error) {
	config = config.withDefaults()
	g := &Gateway{
		config:   config,
		calls:    make(chan struct{}, config.Calls),
		warnings: rate.NewLimiter(1, 10),
		counts:   make(map[Reason]*atomic.Uint64),
		streams:  make(map[*stream]struct{}),
	}
	for reason := range statuses {
		g.counts[reason] = new(atomic.Uint64)
	}
	g.counts[ReasonSlowReader] = new(atomic.Uint64)
	g.ctx, g.stop = context.WithCancel(context.Background())
	node := config.Node
	node.Reconnect, node.Lost, node.Restored = true, g.lost, g.restored
	conn, err := client.Connect(ctx, node)
	if err != nil {
		g.stop()
		return nil, err
	}
	g.conn = conn
	return g, nil
}

// End ends the subscriptions. Calls that are under way go on.
func (g *Gateway) End() { g.stop() }

// Close ends the subscriptions and detaches. Its error is that of [client.Conn.Close].
func (g *Gateway) Close() error {
	g.stop()
	return g.conn.Close()
}

// Stats is what a gateway has done.
type Stats struct {
	Handled uint64            // requests, broadcasts and events that went well, and subscriptions
	Failed  map[Reason]uint64 // what did not, by reason; reasons that never were are left out
	Streams int               // subscriptions now
}

// Stats returns the counts.
func (g *Gateway) Stats() Stats {
	s := Stats{Handled: g.handled.Load(), Failed: make(map[Reason]uint64)}
	for reason, n := range g.counts {
		if n := n.Load(); n > 0 {
			s.Failed[reason] = n
		}
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	s.Streams = len(g.streams)
	return s
}

func (g *Gateway) count(reason Reason) { g.counts[reason].Add(1) }

// scheme is one of the paths.
type scheme struct {
	method string
	handle func(g *Gateway, w http.ResponseWriter, r *http.Request, name string) *refusal
}

// schemes are what comes first in a path. What comes behind it is the name of a cluster or
// topic.
var schemes = map[string]scheme{
	"request":   {http.MethodPost, (*Gateway).request},
	"broadcast": {http.MethodPost, (*Gateway).broadcast},
	"publish":   {http.MethodPost, (*Gateway).publish},
	"subscribe": {http.MethodGet, (*Gateway).subscribe},
}

// ServeHTTP answers one call.
func (g *Gateway) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Cache-Control", "no-store")
	refused := g.guard(r)
	if refused != nil {
		h.Set("Connection", "close") // strangers keep no connections
	} else {
		refused = g.route(w, r)
	}
	if refused == nil {
		g.handled.Add(1)
		return
	}
	g.answer(w, refused)
}

// route has a call handled by its path.
func (g *Gateway) route(w http.ResponseWriter, r *http.Request) *refusal {
	first, rest, _ := strings.Cut(strings.TrimPrefix(r.URL.EscapedPath(), "/"), "/")
	s, found := schemes[first]
	if !found {
		return refuse(ReasonPath, "there is no path /%s: there are /request/NAME, /broadcast/NAME, /publish/TOPIC and /subscribe/TOPIC", first)
	}
	if r.Method != s.method {
		w.Header().Set("Allow", s.method)
		return refuse(ReasonMethod, "/%s wants %s, and not %s", first, s.method, r.Method)
	}
	name, err := url.PathUnescape(rest)
	if err != nil || name == "" {
		return refuse(ReasonInput, "/%s wants a name behind it, such as /%s/echo", first, first)
	}
	return s.handle(g, w, r, name)
}
