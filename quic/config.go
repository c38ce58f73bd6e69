package quic

import (
	"errors"
	"fmt"
	"log/slog"
	"time"

	quicgo "github.com/quic-go/quic-go"

	"github.com/project-iris/iris/transport"
	"github.com/project-iris/iris/transport/identity"
)

// Defaults, and why they are what they are; docs/transports.md has the figures.
const (
	// DefaultIdleTimeout is how long a link lives on in silence. quic-go takes
	// three times the probe timeout (RFC 9002, section 6.2) if that is longer,
	// which it is on paths with round trips of seconds only.
	DefaultIdleTimeout = 6 * time.Second

	// DefaultKeepAlive is a third of it: two packets may be lost in a row.
	DefaultKeepAlive = 2 * time.Second

	// DefaultMaxStreams is how many streams the peer may have open at once, a
	// tunnel being one.
	DefaultMaxStreams = 4096

	// DefaultStreamWindow bounds a stream's unread data in bytes.
	DefaultStreamWindow = 4 << 20

	// DefaultLinkWindow bounds a link's unread data in bytes. It lets several
	// stalled streams fill their windows before they hold up others.
	DefaultLinkWindow = 32 << 20
)

// initialStreamWindow is what a stream starts with, in bytes; quic-go raises
// it up to StreamWindow while the reader keeps pace.
const initialStreamWindow = 512 << 10

// Config is what a Transport is made of. Only Identity is required.
type Config struct {
	// Identity is this node, and decides over peers.
	Identity *identity.Identity

	// Versions are those of the protocol between nodes that this one speaks.
	Versions transport.Versions

	// State is a directory for this node alone, in which it keeps a secret that tells this
	// host from others: with it, a node that comes back after its system has started anew
	// can end the links that it had before. Default: nothing is kept.
	State string

	// Logger gets what the operator should know; nil means slog.Default().
	Logger *slog.Logger

	// MaxStreams is how many streams a peer may have open at once; 0 means
	// DefaultMaxStreams, and less than transport.MinStreams is an error.
	MaxStreams int

	// StreamWindow and LinkWindow bound the data that has arrived and was not
	// read, in bytes; 0 means DefaultStreamWindow and DefaultLinkWindow.
	StreamWindow int
	LinkWindow   int

	// IdleTimeout is after how much silence a link ends, 5 s at the least, which
	// is what quic-go allows; 0 means DefaultIdleTimeout. The lesser of both
	// sides' counts.
	IdleTimeout time.Duration

	// KeepAlive is after how much silence a packet is sent to hear something, at
	// most half of IdleTimeout; 0 means a third of it.
	KeepAlive time.Duration

	// NoGRO reads each packet by itself on Linux, for a kernel or a network
	// interface that puts packets together wrongly. It costs a third more
	// processor time for bulk data.
	NoGRO bool
}

// Errors of New.
var (
	ErrNoIdentity = errors.New("quic: no identity given")
	ErrConfig     = errors.New("quic: bad configuration")
)

// resolve puts defaults in place.
func (c Config) resolve() (Config, error) {
	if c.Identity == nil {
		return c, ErrNoIdentity
	}
	if c.Logger == nil {
		c.Logger = slog.Default()
	}
	if c.MaxStreams == 0 {
		c.MaxStreams = DefaultMaxStreams
	}
	if c.StreamWindow == 0 {
		c.StreamWindow = DefaultStreamWindow
	}
	if c.LinkWindow == 0 {
		c.LinkWindow = max(DefaultLinkWindow, c.StreamWindow)
	}
	if c.IdleTimeout == 0 {
		c.IdleTimeout = DefaultIdleTimeout
	}
	if c.KeepAlive == 0 {
		c.KeepAlive = c.IdleTimeout / 3
	}
	return c, c.check()
}

func (c Config) check() error {
	switch {
	case c.MaxStreams < transport.MinStreams:
		return fmt.Errorf("%w: %d streams, the contract promises %d", ErrConfig, c.MaxStreams, transport.MinStreams)
	case c.StreamWindow < 1 || c.LinkWindow < c.StreamWindow:
		return fmt.Errorf("%w: windows of %d bytes a stream and %d a link", ErrConfig, c.StreamWindow, c.LinkWindow)
	case c.IdleTimeout < 5*time.Second:
		return fmt.Errorf("%w: idle timeout of %v, 5 s is the least", ErrConfig, c.IdleTimeout)
	case c.KeepAlive < 0 || c.KeepAlive > c.IdleTimeout/2:
		return fmt.Errorf("%w: keep-alive of %v with an idle timeout of %v", ErrConfig, c.KeepAlive, c.IdleTimeout)
	}
	return nil
}

// quic is the configuration in quic-go's terms.
func (c Config) quic() *quicgo.Config {
	return &quicgo.Config{
		Versions:                       []quicgo.Version{quicgo.Version1},
		HandshakeIdleTimeout:           handshakeTimeout,
		MaxIdleTimeout:                 c.IdleTimeout,
		KeepAlivePeriod:                0, // pulse does it
		InitialStreamReceiveWindow:     uint64(min(initialStreamWindow, c.StreamWindow)),
		MaxStreamReceiveWindow:         uint64(c.StreamWindow),
		InitialConnectionReceiveWindow: uint64(min(4*initialStreamWindow, c.LinkWindow)),
		MaxConnectionReceiveWindow:     uint64(c.LinkWindow),
		MaxIncomingStreams:             int64(c.MaxStreams),
		MaxIncomingUniStreams:          -1,
		EnableDatagrams:                true,
		InitialPacketSize:              basePacket,
	}
}
