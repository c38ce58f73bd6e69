package forward

import (
	"cmp"
	"errors"
	"log/slog"
	"time"

	"github.com/project-iris/iris/relay/client"
)

// Errors of this package wrap these.
var (
	// ErrNodeGone says that the connection to the node has ended.
	ErrNodeGone = errors.New("the node is gone")
	// ErrCutOff says how many connections were not over when they had to be.
	ErrCutOff = errors.New("connections cut off")
)

// Config is that of an [Exposer] or a [Forwarder]. Zero means the default.
type Config struct {
	// Node is how to attach to the node.
	Node client.Config
	// Connections is how many may be open at a time; those beyond are refused. Default
	// 1,024.
	Connections int
	// DialTimeout bounds the wait for the target of an exposer, and for somebody who takes
	// a connection of a forwarder. Default 5 s.
	DialTimeout time.Duration
	// Check is how often an exposer looks whether its target accepts connections. Default
	// 1 s.
	Check time.Duration
	// ProxyProtocol has an exposer begin each connection to its target with a header of
	// the PROXY protocol, version 2, that says where it comes from.
	ProxyProtocol bool
	// Logger gets what happens. Default: nothing is logged.
	Logger *slog.Logger
}

// DefaultConnections is that of Config.Connections.
const DefaultConnections = 1024

// tunnelWindow is how much a stream may hold that its socket has not taken, in bytes:
// enough for the way from the node, which is on this host.
const tunnelWindow = 256 << 10

// refusals is how many tunnels beyond the limit an exposer takes to tell why it refuses
// them.
const refusals = 64

func (c Config) withDefaults() Config {
	c.Connections = cmp.Or(c.Connections, DefaultConnections)
	c.DialTimeout = cmp.Or(c.DialTimeout, 5*time.Second)
	c.Check = cmp.Or(c.Check, time.Second)
	c.Logger = cmp.Or(c.Logger, slog.New(slog.DiscardHandler))
	c.Node.TunnelWindow = cmp.Or(c.Node.TunnelWindow, tunnelWindow)
	c.Node.Tunnels = c.Connections + refusals
	return c
}

// ForConnections is the configuration of a connection to the node that carries the
// streams of forwarders.
func (c Config) ForConnections() client.Config { return c.withDefaults().Node }
