package discovery

import (
	"context"
	"net"
	"strconv"
	"strings"
	"time"

	"github.com/project-iris/iris/transport"
)

// DefaultPort is the port of a node whose address is given without one.
const DefaultPort = 14142

// MaxAddresses is how many addresses a source hints at in one go. Of more it takes some
// at random: a node needs to find one other, which knows all.
const MaxAddresses = 256

// Hint says where a node may be.
type Hint struct {
	// Addr is what a transport dials.
	Addr string
	// ID is the node that is to be there; zero if that is not known.
	ID transport.PeerID
	// How says how it was found, for the log and for users: "beacon", "dns:iris.internal".
	How string
	// After is how long others may have a chance to link to the node first. It is not
	// dialled if it is a member by then.
	After time.Duration
	// Rest is how long at most a destination that has failed rests before it is dialled again.
	// Default one minute.
	Rest time.Duration
	// Outcome is told how a dial of the hint has ended, but not if a later hint was
	// dialled instead. Default: nobody is told.
	Outcome Outcome
}

// Outcome is told how the dial of a hint has ended.
type Outcome interface {
	// Tried takes the error of the dial; nil too if who is there is a member already. It
	// must not block.
	Tried(err error)
}

// ByJoin is how nodes are found that were named.
const ByJoin = "join"

// Source looks for nodes.
type Source interface {
	// Name is what the source is called by users and in the log.
	Name() string
	// Run looks for nodes until the context ends, and returns after its goroutines.
	Run(ctx context.Context, site Site)
}

// Site is what a source sees of its node. The methods may be called by any goroutine, and
// none of them blocks.
type Site interface {
	// Hint takes a hint to dial. It is dropped if there are too many.
	Hint(h Hint)
	// Knows reports whether a node is a member of the network.
	Knows(id transport.PeerID) bool
	// Others is how many other members there are: as long as it is zero this node is
	// alone, and looks harder.
	Others() int
	// Addresses returns where they are, each a list as a transport dials it.
	Addresses() []string
	// Changed is closed when members have come or gone since the call.
	Changed() <-chan struct{}
	// Retried is closed when [Finder.Retry] was called since the call.
	Retried() <-chan struct{}
}

// withPort adds the default port to an address that has none. An address with a scheme
// is left as it is.
func withPort(addr string) string {
	if strings.Contains(addr, "://") {
		return addr
	}
	if _, _, err := net.SplitHostPort(addr); err == nil {
		return addr
	}
	return net.JoinHostPort(strings.Trim(addr, "[]"), strconv.Itoa(DefaultPort))
}
