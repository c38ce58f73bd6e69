package gateway

import (
	"cmp"
	"log/slog"
	"time"

	"github.com/project-iris/iris/relay/client"
)

// Config configures a [Gateway]. A field of zero means its default.
type Config struct {
	// Node says where the node is. The gateway attaches again when that was away; Lost,
	// Restored and Reconnect are its own.
	Node client.Config
	// Token is what callers have to bring. Empty: they need none.
	Token string
	// Hosts are the names of this host that callers use, besides localhost and IP addresses.
	Hosts []string
	// Timeout is how long a request waits for its answer without an Iris-Timeout. Default 5 s.
	Timeout time.Duration
	// MaxBody is the longest body in bytes. Default 1 MiB.
	MaxBody int
	// Calls is how many requests, broadcasts and events are handled at a time. Those
	// beyond are refused. Default 256.
	Calls int
	// Streams is how many subscriptions there may be. Default 256.
	Streams int
	// StreamQueue is how many bytes of events may wait for one reader, who is cut off when it
	// is full, as soon as he takes something or the stall time is over; the last event may
	// exceed it. Default 1 MiB.
	StreamQueue int
	// Stall is how long a body may take to come, and a reader to take what it is sent.
	// Default 30 s.
	Stall time.Duration
	// Logger gets what operators need to know. Default: nothing is logged.
	Logger *slog.Logger
}

// maxTimeout is the longest Iris-Timeout.
const maxTimeout = time.Hour

// keepAlive is how often a stream without events has a comment, by which a caller that is
// gone is noticed. Proxies give up after a minute or so.
const keepAlive = 15 * time.Second

func (c Config) withDefaults() Config {
	setDefault(&c.Timeout, 5*time.Second)
	setDefault(&c.MaxBody, 1<<20)
	setDefault(&c.Calls, 256)
	setDefault(&c.Streams, 256)
	setDefault(&c.StreamQueue, 1<<20)
	setDefault(&c.Stall, 30*time.Second)
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	return c
}

func setDefault[T cmp.Ordered](field *T, value T) {
	var zero T
	if *field <= zero {
		*field = value
	}
}
