package client

import (
	"cmp"
	"log/slog"
	"time"

	"github.com/project-iris/iris/relay/wire"
)

// Config says where the node is and bounds what a connection uses. A field that is
// zero or negative means its default.
type Config struct {
	// Address is the node's relay port, HOST:PORT, or unix:PATH of its Unix socket. Default 127.0.0.1:55555.
	Address string
	// Reconnect has a connection to the node that is lost made again, until Close: the
	// package comment says what becomes of what was under way. Default: it is the end of
	// the Conn.
	Reconnect bool
	// Lost is called when the connection to the node is lost and will be made again, with
	// the reason, and Restored when it was: the application is in its cluster again, and
	// subscribed to its topics before anything that it sends from then on. The calls alternate,
	// one at a time. No try is made while they last; whoever calls Close in them does
	// that in a goroutine. Without Reconnect they are not called. Default: nothing.
	Lost     func(reason error)
	Restored func()
	// FailFast has requests fail with [ErrNobody] at once if nobody serves their cluster, as
	// far as the node knows; until it knows, they wait. A node of a release that does not
	// know this lets them wait as ever. Default: they wait for a member until their deadline.
	FailFast bool
	// Logger gets what no caller can be told, such as drops. Default: nothing is
	// logged.
	Logger *slog.Logger
	// Timeout is how long attaching, a request and the opening of a tunnel may
	// take when their context has no deadline. Default 30 s.
	Timeout time.Duration
	// CloseTimeout bounds the farewell: the wait for the node's answer when a
	// connection or a tunnel is closed. Default 6 s, a second more than the node
	// takes at most.
	CloseTimeout time.Duration
	// MaxMessage is the longest body, reply, message or event in bytes. Longer ones
	// are not sent; a longer one that the node sends ends the tunnel or, outside
	// of a tunnel and if it is also longer than 1 MiB, the connection. Default
	// 64 MiB, as the node's.
	MaxMessage int
	// SendQueue is how many bytes may wait to be written before senders wait for
	// room. Default 1 MiB.
	SendQueue int
	// ReceiveQueue is how many bytes may wait for the application in each inbound
	// queue: that of requests, that of broadcasts, and that of each subscription.
	// Every message counts 64 bytes more than its length. Default 16 MiB.
	ReceiveQueue int
	// Handlers is how many requests are handled at a time. Default 256.
	Handlers int
	// Tunnels is how many accepted tunnels are handled at a time. Default 256.
	Tunnels int
	// TunnelWindow is how many bytes a tunnel may hold that the application has
	// not taken; a single message that is larger may exceed it. It is raised to
	// the node's chunk limit. Default 4 MiB.
	TunnelWindow int
}

// maxName is the longest name of a cluster or topic in bytes.
const maxName = wire.DefaultNameLimit

// minFrame is a payload that is always accepted, so that a small MaxMessage leaves
// room for the chunks of tunnels.
const minFrame = 1 << 20

func (c Config) withDefaults() Config {
	setDefault(&c.Address, "127.0.0.1:55555")
	setDefault(&c.Timeout, 30*time.Second)
	setDefault(&c.CloseTimeout, 6*time.Second)
	setDefault(&c.MaxMessage, wire.DefaultPayloadLimit)
	setDefault(&c.SendQueue, 1<<20)
	setDefault(&c.ReceiveQueue, 16<<20)
	setDefault(&c.Handlers, 256)
	setDefault(&c.Tunnels, 256)
	setDefault(&c.TunnelWindow, 4<<20)
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
