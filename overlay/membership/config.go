package membership

import (
	"context"
	"errors"
	"fmt"
	"log"
	"log/slog"
	"time"

	"github.com/hashicorp/memberlist"

	"github.com/project-iris/iris/transport"
)

// The profile for a network whose round trips take milliseconds; the package comment
// says what follows from it.
const (
	// ProbeInterval is how often a node probes another one.
	ProbeInterval = 200 * time.Millisecond

	probeTimeout   = 100 * time.Millisecond
	suspicionMult  = 5
	gossipInterval = 100 * time.Millisecond
	// pushPullInterval is how often a node compares its whole list with another's.
	pushPullInterval = 15 * time.Second
	// forgetDelay is how long the dead are gossiped to, and how long a node takes to
	// give up to leave in good order.
	forgetDelay  = 15 * time.Second
	leaveTimeout = 500 * time.Millisecond
)

// MaxMeta is the most that a node can tell about itself, in bytes.
const MaxMeta = memberlist.MetaMaxSize

// maxQueue is how many packets wait for memberlist. More are dropped and counted.
const maxQueue = 1024

var (
	errNoCarrier = errors.New("membership: no carrier given")
	errNoHandler = errors.New("membership: no handler given")
)

// Carrier gets packets and streams to other nodes.
type Carrier interface {
	// SendPacket sends up to transport.MaxDatagram bytes, best effort. It does not
	// block and keeps no reference to b.
	SendPacket(to transport.PeerID, b []byte)
	// OpenStream opens a stream for [Membership.HandleStream] on the other node.
	OpenStream(ctx context.Context, to transport.PeerID) (transport.Stream, error)
}

// Handler learns of changes. Its methods are called one at a time, and must neither
// block nor call the Membership.
type Handler interface {
	// NodeUp says that a node is a member, or tells something new about itself.
	NodeUp(id transport.PeerID, meta []byte)
	// NodeDown says that a node has left, or is believed to be dead.
	NodeDown(id transport.PeerID)
}

// Config configures a [Membership].
type Config struct {
	// Self is this node.
	Self transport.PeerID
	// Meta is what this node tells the others about itself, MaxMeta bytes at most.
	Meta []byte
	// Carrier and Handler are required.
	Carrier Carrier
	Handler Handler
	// Logger gets what memberlist says. Default: nothing is logged.
	Logger *slog.Logger
}

func (c Config) resolve() (Config, error) {
	switch {
	case c.Carrier == nil:
		return c, errNoCarrier
	case c.Handler == nil:
		return c, errNoHandler
	case len(c.Meta) > MaxMeta:
		return c, fmt.Errorf("membership: %d bytes of meta data, at most %d are allowed", len(c.Meta), MaxMeta)
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	return c, nil
}

// memberlist translates the configuration.
func (m *Membership) memberlist() *memberlist.Config {
	c := memberlist.DefaultLANConfig()
	c.Name = m.config.Self.String()
	c.Transport = m.wires
	c.RequireNodeNames = true
	c.Delegate = (*delegate)(m)
	c.Events = (*events)(m)
	c.Alive = (*aliveCheck)(m)
	c.Logger = log.New(&logWriter{log: m.config.Logger}, "", 0)
	c.UDPBufferSize = transport.MaxDatagram
	c.EnableCompression = false // the list is small and its ids are random
	c.ProbeInterval = ProbeInterval
	c.ProbeTimeout = probeTimeout
	c.SuspicionMult = suspicionMult
	c.GossipInterval = gossipInterval
	c.GossipToTheDeadTime = forgetDelay
	c.PushPullInterval = pushPullInterval
	c.TCPTimeout = 2 * time.Second
	c.HandoffQueueDepth = maxQueue
	return c
}
