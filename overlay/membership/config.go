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

// The profile is memberlist's for a local network (DefaultLANConfig), but for what has a reason
// here; the package comment says what follows from it.
const (
	// ProbeInterval is how often a node probes another one: memberlist's.
	ProbeInterval = time.Second
	// suspicionMult is how many intervals a suspect has to object, times the logarithm of
	// the number of nodes beyond ten. Memberlist's is 4: here each node asks one that is said
	// to be dead itself before it believes that, see doubt.go.
	suspicionMult = 1
	// gossipNodes is how many nodes are told news in each turn, of which there are five a
	// second: memberlist's are 3. Without news nothing is sent; with twice as many, a hundred
	// nodes that start together know each other in half the time.
	gossipNodes = 6
	// retransmitMult is how often each node passes news on, times the digits of the number of
	// nodes. What all nodes pass on k times is missed by one in e^k, and learned when lists are
	// compared, minutes later in large networks. With memberlist's 4, one of thirty nodes that
	// join 98 others is missed by somebody; with 6, one of 1,600.
	retransmitMult = 6
	// leaveTimeout is how long a node takes to give up to leave in good order.
	leaveTimeout = 500 * time.Millisecond
	// exchangeTimeout is how long comparing lists may take, and how long a stream of a peer is
	// kept that says nothing.
	exchangeTimeout = 5 * time.Second
	// maxProbe is how long one probe takes at most: memberlist gives nodes that have
	// reason to doubt themselves up to slowest times as long. Its own bound is 8, and who
	// closes a membership waits for the last probe.
	slowest  = 4
	maxProbe = slowest * ProbeInterval
	// unaccounted is what memberlist adds to a packet that it has filled to its limit,
	// in bytes: the length of the first message and a checksum.
	unaccounted = 2 + crcSize
)

// MaxMeta is the most that a node can tell about itself, in bytes.
const MaxMeta = memberlist.MetaMaxSize

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
	// NodeDown says that a node has left, or, if silent, is said to be dead and has been so since
	// for a while, though this node has asked it.
	NodeDown(id transport.PeerID, silent bool)
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
	// Received returns how many bytes have come from a node over links to it so far; it only
	// has to grow while the node talks. Default: nothing is known of that.
	Received func(id transport.PeerID) uint64
	// Reach makes a link to a node that is believed to be dead, by what it last told
	// about itself, until the context ends; lists are merged with it when that works.
	// A transport.ErrWrongPeer says that the node is gone for good. It is called again
	// and again for [Remember], a few times at once, so that a network which was cut in
	// two finds together. Default: such a node is tried only over a link that is there.
	Reach func(ctx context.Context, id transport.PeerID, meta []byte) error
	// MaxNodes is how many other nodes are known, those included that have been lost.
	// More are ignored. Default 4,096.
	MaxNodes int
	// Logger gets what memberlist says. Default: nothing is logged.
	Logger *slog.Logger
}

func checkMeta(meta []byte) error {
	if len(meta) > MaxMeta {
		return fmt.Errorf("membership: %d bytes of meta data, at most %d are allowed", len(meta), MaxMeta)
	}
	return nil
}

func (c Config) resolve() (Config, error) {
	switch {
	case c.Carrier == nil:
		return c, errNoCarrier
	case c.Handler == nil:
		return c, errNoHandler
	}
	if err := checkMeta(c.Meta); err != nil {
		return c, err
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.Reach == nil {
		c.Reach = func(context.Context, transport.PeerID, []byte) error { return nil }
	}
	if c.Received == nil {
		c.Received = func(transport.PeerID) uint64 { return 0 }
	}
	if c.MaxNodes == 0 {
		c.MaxNodes = 4096
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
	c.Ping = (*pings)(m)
	c.Logger = log.New(&logWriter{log: m.config.Logger}, "", 0)
	c.UDPBufferSize = transport.MaxDatagram - unaccounted
	c.EnableCompression = false // the list is small and its ids are random
	c.ProbeInterval = ProbeInterval
	c.SuspicionMult = suspicionMult
	c.GossipNodes = gossipNodes
	c.RetransmitMult = retransmitMult
	c.TCPTimeout = exchangeTimeout
	c.HandoffQueueDepth = maxQueue
	c.AwarenessMaxMultiplier = slowest
	return c
}
