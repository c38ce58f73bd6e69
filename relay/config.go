package relay

import (
	"cmp"
	"log/slog"
	"math"
	"net"
	"time"

	"github.com/project-iris/iris/relay/accounts"
	"github.com/project-iris/iris/relay/peercred"
	"github.com/project-iris/iris/relay/policy"
	"github.com/project-iris/iris/relay/wire"
	"github.com/project-iris/iris/transport/budget"
)

// DefaultPort is the TCP port that applications look for their node at.
const DefaultPort = 55555

// What the protocol fixes, or what existing bindings were tested with.
const (
	// chunkLimit is the longest chunk of a tunnel, in bytes.
	chunkLimit = 64 << 10
	// window is what an application may have under way in a tunnel before it is
	// allowed more, in bytes. The overload tests of existing bindings expect that
	// 8 MiB do not fit.
	window = 4 << 20
)

// sendBuffer is how many bytes the system may hold that an application has not taken over TCP.
// What Linux gives of itself grows to 4 MiB, and a write that waits goes on only when a
// third of that is free: to an application that reads a few MB/s, that takes longer than
// the patience of its senders.
const sendBuffer = 128 << 10

// Config configures a [Relay]. A field of zero or less means its default.
type Config struct {
	// Mesh is the network. It has no default.
	Mesh Mesh
	// Logger gets what operators need to know. Default: nothing is logged.
	Logger *slog.Logger

	// QueueLimit is how many bytes may wait for an application that does not read;
	// the package comment says what happens then. Default 8 MiB.
	QueueLimit int
	// Patience is how long a sender of events or broadcasts waits for the queue of
	// a receiver. Room comes with the end of each write, of up to 72 KiB, so a
	// receiver that takes 1 MB/s loses nothing by default. Default 100 ms.
	Patience time.Duration
	// StallTimeout is how long an application may take no byte of what waits for
	// it before it is disconnected, and how long the receiver of a tunnel may take
	// none of what was sent before a close. Default 30 s.
	StallTimeout time.Duration
	// Memory is the memory in bytes that what applications send and have not taken is taken of:
	// frames that arrive, queues and tunnels. Default: no limit.
	Memory *budget.Budget
	// Connections is how many applications may be connected. When there are as many, one
	// that has not sent its INIT makes room for the next; without one, that is refused.
	// Default: no limit.
	Connections int
	// AttachTimeout is how long a new connection may take to send its INIT.
	// Default 1 min.
	AttachTimeout time.Duration
	// DetachTimeout is how long an application that has said CLOSE may take to
	// answer the requests that it has in hand. Default 4 s, as bindings wait for 5 s.
	DetachTimeout time.Duration
	// PayloadLimit is the longest message, body, reply, event or chunk, in bytes.
	// Default 64 MiB.
	PayloadLimit int
	// TunnelMessageLimit is the largest message of a tunnel, in bytes. It is
	// announced to the receiver, which may allocate that much at once. Default
	// 1 GiB.
	TunnelMessageLimit uint64
	// Tunnels is how many tunnels an application may have. Default 8,192.
	Tunnels int

	// Policy says who may do what, see [CheckPolicy]. Default: everybody may do everything.
	Policy *policy.Policy
	// Audit gets a line for each thing that was forbidden, up to twenty a second, and one a
	// second of each application, after the first few. Default: Logger.
	Audit *slog.Logger
	// Identify says who is at the other end of a connection, and Groups which groups a user is
	// in. Defaults: [peercred.Of], and the accounts of this host.
	Identify func(conn net.Conn) (peercred.Peer, error)
	Groups   func(uid uint32) ([]uint32, error)
}

func (c Config) withDefaults() Config {
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	setDefault(&c.QueueLimit, 8<<20)
	setDefault(&c.Patience, 100*time.Millisecond)
	setDefault(&c.StallTimeout, 30*time.Second)
	setDefault(&c.Connections, math.MaxInt)
	setDefault(&c.AttachTimeout, time.Minute)
	setDefault(&c.DetachTimeout, 4*time.Second)
	setDefault(&c.PayloadLimit, wire.DefaultPayloadLimit)
	setDefault(&c.TunnelMessageLimit, 1<<30)
	setDefault(&c.Tunnels, 8192)
	if c.Audit == nil {
		c.Audit = c.Logger
	}
	if c.Identify == nil {
		c.Identify = peercred.Of
	}
	if c.Groups == nil {
		c.Groups = accounts.Host{}.Groups
	}
	return c
}

func setDefault[T cmp.Ordered](field *T, value T) {
	var zero T
	if *field <= zero {
		*field = value
	}
}

func (c Config) limits(m *memory) wire.Limits {
	limits := wire.Limits{Payload: c.PayloadLimit}
	if m.Holder != nil {
		limits.Memory = m
	}
	return limits
}
