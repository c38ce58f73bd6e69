package node

import (
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/project-iris/iris/overlay"
	"github.com/project-iris/iris/relay"
	"github.com/project-iris/iris/relay/policy"
	"github.com/project-iris/iris/transport"
	"github.com/project-iris/iris/transport/identity"
)

const (
	// DefaultPort is the TCP port that applications look for their node at.
	DefaultPort = relay.DefaultPort
	// AnyPort asks for a port that is free.
	AnyPort = -1
)

// maxNetworkName is the longest network name, in bytes: it ends up in log lines
// and in the head of the person who types it.
const maxNetworkName = 255

// What a configuration can lack.
var (
	ErrNoNetwork = errors.New("no network name")
	ErrNoKey     = errors.New("no network key")
)

// NewTransport makes a transport for the node that an identity stands for, which speaks
// the versions of the protocol between nodes. The node closes it.
type NewTransport func(id *identity.Identity, versions transport.Versions, log *slog.Logger) (transport.Transport, error)

// PeerPorts are the ports that nodes prefer for each other: the first digits of √2, e
// and 10π, as nodes of this network have always done.
var PeerPorts = [...]int{14142, 27182, 31415}

// Config configures a [Node]. A zero field means its default.
type Config struct {
	// Network is the name of the network. Nodes find each other when they have
	// the same name and key. It has no default.
	Network string
	// Key is the key of the network. It has no default.
	Key *identity.NetworkKey

	// KeyFiles are the files that Key and Accept are from, which [Node.Examine] looks at. Default:
	// none is looked at.
	KeyFiles []string

	// Accept are other keys whose holders are let in, while the key of the network is
	// replaced: see docs/security.md. Default: none.
	Accept []*identity.NetworkKey

	// Transports make the links to other nodes, the preferred one first. Without any
	// the node is alone.
	Transports []NewTransport
	// Bind is where other nodes reach this one, HOST:PORT. Default: all interfaces, at
	// the first port of [PeerPorts] that is free, or else any.
	Bind string
	// Join are addresses of nodes to begin with, HOST:PORT, or SCHEME://HOST:PORT for one
	// transport. Other ones fail with [ErrJoin]. Each is tried until it answers, and again
	// whenever this node knows no other; one that does not is named in the log.
	Join []string
	// Discover are ways to look for nodes, all of which are used: "beacon" on the wire,
	// "scan" of the addresses around while the node is alone, "dns:NAME", and
	// "exec:COMMAND". Other ones fail with [ErrDiscover]. A node whose Bind is a loopback
	// address sends no beacon from the host. Default: none.
	Discover []string
	// State is a directory of this node alone, in which it remembers other nodes for its
	// next start. It is made if it is not there. Default: nothing is remembered.
	State string

	// LinkIdle is after how long without use a link to another node ends, and MaxLinks how
	// many this node wants to have at most, see [overlay.Network]. Defaults as there.
	LinkIdle time.Duration
	MaxLinks int

	// Port is the TCP port of 127.0.0.1 and [::1] that applications attach to.
	// Default [DefaultPort]; [AnyPort] picks a free one.
	Port int
	// Socket is a Unix socket that applications attach to besides. Default: there is none.
	Socket relay.Socket
	// Policy says who may do what, and Audit gets what it forbids. Defaults: everybody may do
	// everything, and Logger. Start fails with [relay.ErrNoIdentity] if the policy names users
	// and this system does not tell who attaches.
	Policy *policy.Policy
	Audit  *slog.Logger
	// QueueLimit is how many bytes may wait for an application that does not read,
	// and StallTimeout how long it may take none of them. Defaults as in
	// [relay.Config].
	QueueLimit   int
	StallTimeout time.Duration

	// Memory is how many bytes what applications send and have not taken, and large messages
	// of other nodes on their way here, may take together with what the Go runtime needs
	// for it: three quarters are handed out. Default: no limit.
	Memory int64
	// MaxMessage is the longest message, body, reply, event or chunk, in bytes. Default as in
	// [relay.Config].
	MaxMessage int

	// Admin is where the admin endpoint is, HOST:PORT; without a host it is on 127.0.0.1.
	// It answers whoever can reach it: see docs/security.md. Default: there is none.
	Admin string
	// Control is the path of a Unix socket by which the node is asked and told what to do, which
	// the node's user alone can use. [DefaultControl] is where commands look: if it cannot be
	// there, that is logged, and the node goes on. Default: there is none.
	Control string
	// LogLevel is the level of Logger, if it can be changed over Control. Default: it cannot.
	LogLevel *slog.LevelVar

	// AdminHosts are names by which others call the admin endpoint. IP addresses, localhost,
	// the name of this host and the host of Admin are known without.
	AdminHosts []string

	// Logger gets what operators need to know. Default: nothing is logged.
	Logger *slog.Logger
	// LogDropped returns how many lines of the log were lost so far, for the status of the
	// node. Any goroutine may call it. Default: none were.
	LogDropped func() uint64
}

// Defaults of [Config].
const (
	DefaultLinkIdle = overlay.DefaultIdleLink
	DefaultMaxLinks = overlay.DefaultMaxLinks
)

// Check says what is wrong with the configuration, as far as can be known without to start
// a node. The errors are those of [Start].
func (c Config) Check() error {
	_, err := c.resolve()
	return err
}

func (c Config) resolve() (Config, error) {
	switch {
	case c.Network == "":
		return c, ErrNoNetwork
	case len(c.Network) > maxNetworkName:
		return c, fmt.Errorf("network name has %d bytes, at most %d are allowed", len(c.Network), maxNetworkName)
	case c.Key == nil:
		return c, ErrNoKey
	case c.Port < AnyPort || c.Port > 65535:
		return c, fmt.Errorf("port %d is not between 1 and 65535", c.Port)
	}
	if err := identity.CheckKeys(c.Key, c.Accept); err != nil {
		return c, err
	}
	if err := checkDiscover(c.Discover); err != nil {
		return c, err
	}
	if err := relay.CheckPolicy(c.Policy); err != nil {
		return c, err
	}
	if err := checkJoin(c.Join); err != nil {
		return c, err
	}
	switch c.Port {
	case 0:
		c.Port = DefaultPort
	case AnyPort:
		c.Port = 0
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.LogDropped == nil {
		c.LogDropped = func() uint64 { return 0 }
	}
	return c, nil
}
