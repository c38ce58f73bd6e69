package directory

import (
	"time"

	"github.com/project-iris/iris/transport"
)

// Config configures a [Directory]. A zero field means its default. Owners,
// Everywhere and Lease have to be the same on all nodes of a network.
type Config struct {
	Self  transport.PeerID // of this node
	Epoch uint64           // of this node, see [Member]

	// Owners is how many nodes own a name. Default 3, at most 8.
	Owners int
	// Everywhere is up to how many nodes everybody knows everything. Negative:
	// never. Default 16.
	Everywhere int
	// Lease is how long what a node has said holds if it is not heard of again.
	// It is renewed after about a third of that. Default 90 s.
	Lease time.Duration
	// Linger is how long a node that was an owner is still told and listened to,
	// and how long a new owner may need to know all about a name. Default 10 s.
	Linger time.Duration
	// Coalesce is how often a node is told of changes at most, but for the first
	// [burst] of them. Changes gather in between. Default 20 ms, which with two of them
	// on the way and a local network's delays stays well within 100 ms.
	Coalesce time.Duration
	// Retry is after how long without an answer a node is asked what it has,
	// doubling up to 30 times that. Default 500 ms.
	Retry time.Duration

	// PeerNames is how many names a node may register here, and how many it may
	// watch. Default 65,536.
	PeerNames int
	// PeerClaims is how many nodes a node may name to this one as those that have
	// members, over all names. Default 262,144.
	PeerClaims int
	// Entries is how many registrations, watches and claims of other nodes are
	// kept together. Default 4 Mi.
	Entries int

	// Seed is where the jitter of renewals comes from; equal seeds, ids and events
	// give equal actions. Zero is a fine seed, as the id counts too.
	Seed uint64
}

func (c Config) withDefaults() Config {
	c.Owners = min(orDefault(c.Owners, 3), 8)
	if c.Everywhere == 0 {
		c.Everywhere = 16
	}
	c.Everywhere = max(c.Everywhere, 0)
	c.Lease = orDefault(c.Lease, 90*time.Second)
	c.Linger = orDefault(c.Linger, 10*time.Second)
	c.Coalesce = orDefault(c.Coalesce, 20*time.Millisecond)
	c.Retry = orDefault(c.Retry, 500*time.Millisecond)
	c.PeerNames = orDefault(c.PeerNames, 1<<16)
	c.PeerClaims = orDefault(c.PeerClaims, 1<<18)
	c.Entries = orDefault(c.Entries, 1<<22)
	return c
}

func orDefault[T int | time.Duration](v, otherwise T) T {
	if v <= 0 {
		return otherwise
	}
	return v
}

// Constants that nobody has needed to set.
const (
	// window is how many updates a node is sent before it has acknowledged one.
	window = 8
	// burst is how many updates a node is sent before Config.Coalesce counts, and gather
	// how long changes gather before each but the first. Who attaches waits for that.
	burst  = 200
	gather = time.Millisecond
	// maxDirty is how many changes are remembered for a node that does not take
	// them. With more, it is told everything anew when it does.
	maxDirty = 1 << 16
	// resetEvery is the least time from one time of telling a node everything to
	// the next.
	resetEvery = 50 * time.Millisecond
	// askAgain is how long after a peer was asked for everything it is asked once more; and how long after a
	// name of a peer was refused for want of room, and again after each look, it is seen whether there is
	// room, so that the peer can be asked for it anew.
	askAgain = 2 * time.Second
	// sweepEvery is the least time between two looks at all names of this node.
	sweepEvery = time.Second
	// maxRemembered is how many nodes that are no members are remembered: those
	// that were, and those that spoke before membership knew them.
	maxRemembered = 4096
)
