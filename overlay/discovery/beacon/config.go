package beacon

import (
	"log/slog"
	"net/netip"
	"sync/atomic"
	"time"

	"github.com/project-iris/iris/transport"
)

// Port is the UDP port of beacons: the first digits of the golden ratio, as the ports of
// nodes are those of √2, e and 10π.
const Port = 16180

var (
	// Group4 is the IPv4 group of beacons, of the local scope (RFC 2365, section 6.1).
	Group4 = netip.MustParseAddr("239.255.161.80")
	// Group6 is the IPv6 group of beacons, transient and of the link-local scope
	// (RFC 4291, section 2.7).
	Group6 = netip.MustParseAddr("ff12::1618")
)

const (
	// lookAfter is how often interfaces are looked at.
	lookAfter = time.Second
	// sayAfter is the least time between two lines of the log about packets that were
	// ignored.
	sayAfter = time.Minute
)

// Config configures a [Source].
type Config struct {
	// Self is this node.
	Self transport.PeerID
	// Keys are known to the nodes of the network only. The first one seals, all of them
	// open. Required.
	Keys [][32]byte
	// Bind is the address that the node is bound to. It keeps beacons to the interface
	// that has it, if it is not unspecified.
	Bind netip.Addr
	// Addresses returns where this node accepts links, as they are at the time; those
	// without a host stand for where the packet comes from. Required.
	Addresses func() string
	// Announce has the node speak and listen on the wire; Scan has it send probes while
	// it is alone. With either one it answers probes.
	Announce, Scan bool
	// Heard counts beacons of other nodes of the network that were heard. Default: nobody looks
	// at it.
	Heard *atomic.Uint64
	// Logger gets what operators need to know. Default: nothing is logged.
	Logger *slog.Logger
}

func (c Config) withDefaults() Config {
	if c.Heard == nil {
		c.Heard = new(atomic.Uint64)
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	return c
}
