package overlay

import (
	"context"
	"errors"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/project-iris/iris/overlay/lookup"
	"github.com/project-iris/iris/overlay/names"
	"github.com/project-iris/iris/overlay/remote"
	"github.com/project-iris/iris/overlay/session"
	"github.com/project-iris/iris/overlay/trace"
	"github.com/project-iris/iris/overlay/traffic"
	"github.com/project-iris/iris/overlay/wire"
	"github.com/project-iris/iris/transport/budget"
)

// Faults that the overlay itself answers a request with. Their texts reach the
// caller.
const (
	// FaultOverloaded says that the caller has too many requests open, or too many
	// bytes of them waiting for members or for room.
	FaultOverloaded = remote.FaultOverloaded
	// FaultMemberLost says that the member that had the request is gone. Whether
	// it ran is unknown.
	FaultMemberLost = remote.FaultLost
	// FaultDraining says that this node is being stopped.
	FaultDraining = "node is stopping"
)

var (
	// ErrClosed says that the overlay or the member is closed.
	ErrClosed = errors.New("closed")
	// ErrDraining says that the node is being stopped.
	ErrDraining = errors.New(FaultDraining)
	// ErrTooManyTopics says that a member may not subscribe to more topics.
	ErrTooManyTopics = names.ErrTooManyTopics
	// ErrNoMember says that every member that could be asked has refused.
	ErrNoMember = errors.New("no member took it")
)

// Config configures an [Overlay]. A zero field means its default.
type Config struct {
	// OpenRequests is how many requests a member may have open at once, and how
	// many it may have in hand; more are answered with [FaultOverloaded]. Default
	// 65,536.
	OpenRequests int
	// Tunnels is how many tunnels a member may have that others have opened to it, or want to.
	// Default 8,192.
	Tunnels int
	// HeldBytes is how many bytes of requests, the names of their clusters
	// included, a member may have waiting for clusters that have no members, or
	// whose members have no room; more are answered with [FaultOverloaded]. Those
	// that were tried again and refused again may take as much once more. Default
	// 16 MiB.
	HeldBytes int
	// Topics is how many topics a member may be subscribed to. Default 65,536.
	Topics int
	// TopicBytes is how many bytes the names of these topics may have together.
	// Default 16 MiB.
	TopicBytes int
	// FrameBytes is how many bytes large messages that are on their way here from other
	// nodes may take together, before their end has come. Who sends more of them loses
	// the link. Default 1 GiB.
	FrameBytes int64
	// Memory is what these messages are taken of too, and what waits for other nodes, by one
	// link as by an application. Default: no limit.
	Memory *budget.Budget
}

func (c Config) withDefaults() Config {
	if c.OpenRequests == 0 {
		c.OpenRequests = 1 << 16
	}
	if c.Tunnels == 0 {
		c.Tunnels = 1 << 13
	}
	if c.HeldBytes == 0 {
		c.HeldBytes = 16 << 20
	}
	if c.Topics == 0 {
		c.Topics = 1 << 16
	}
	if c.TopicBytes == 0 {
		c.TopicBytes = 16 << 20
	}
	if c.FrameBytes == 0 {
		c.FrameBytes = 1 << 30
	}
	return c
}

// ofMember is how those who ask share what one member may have of something: other applications
// of the node, and other nodes.
func (c Config) ofMember(name string, limit int) budget.Config {
	return budget.Config{Name: name, Of: "a member", Limit: int64(limit), Greed: greed}
}

// greed lets one of those who share something have seven eighths of what is not reserved for
// others, while these want none.
const greed = 7

// Overlay connects the members of clusters and topics. Its methods are safe for
// concurrent use.
type Overlay struct {
	config Config
	lookup *lookup.Lookup
	links  remote.Table
	net    *connection // nil: this node is alone
	shards atomic.Uint64
	ctx    context.Context // ends with Close
	cancel context.CancelFunc

	draining atomic.Bool
	closed   atomic.Bool

	mu       sync.Mutex
	members  map[*Member]struct{}
	clusters map[string]*servedCluster // clusters that members here serve, or have until they answered
	parted   traffic.ServedCounts      // of clusters that are served no more

	traces   trace.Recorder
	frames   *wire.Budget // of what other nodes send
	sessions session.Counters
	counters counters
}

// New returns an overlay without members.
func New(config Config) *Overlay {
	o := &Overlay{config: config.withDefaults(), members: make(map[*Member]struct{}), clusters: make(map[string]*servedCluster)}
	o.ctx, o.cancel = context.WithCancel(context.Background())
	o.frames = wire.NewBudget(o.config.FrameBytes)
	o.lookup = lookup.New(lookup.Config{Names: o.bounds(), Owner: owner{o}})
	return o
}

// bounds are what members may have of names.
func (o *Overlay) bounds() names.Config {
	return names.Config{HeldBytes: o.config.HeldBytes, Topics: o.config.Topics, TopicBytes: o.config.TopicBytes}
}

// Attach adds a member, which serves the named cluster unless the name is empty.
// Requests that wait for this cluster are handed to it at once: the handler has to
// be ready, and may be called before Attach returns.
//
// It fails with [ErrDraining] or [ErrClosed] when the node is about to end.
func (o *Overlay) Attach(name []byte, handler Handler) (*Member, error) {
	m := newMember(o, string(name), handler)
	o.mu.Lock()
	err := o.refusal()
	if err == nil {
		o.members[m] = struct{}{}
		m.traffic = o.serves(m.cluster)
	}
	o.mu.Unlock()
	if err != nil {
		return nil, err
	}
	if err := o.lookup.Attach(local{m}, m.cluster); err != nil {
		o.mu.Lock()
		delete(o.members, m)
		o.mu.Unlock()
		return nil, err
	}
	if o.draining.Load() { // which may have come before
		m.Withdraw()
	}
	if m.closed.Load() {
		o.lookup.Detach(local{m})
	}
	return m, nil
}

// newFrames returns what the large messages of one more link are taken of.
func (o *Overlay) newFrames() *wire.Budget {
	if o.config.Memory == nil {
		return o.frames
	}
	return wire.NewSharedBudget(o.config.FrameBytes, o.config.Memory.Holder())
}

// newWaiting returns what that is taken of that waits for one more node.
func (o *Overlay) newWaiting() *budget.Holder {
	if o.config.Memory == nil {
		return nil
	}
	return o.config.Memory.Holder()
}

// refusal says why nobody can attach.
func (o *Overlay) refusal() error {
	switch {
	case o.closed.Load():
		return ErrClosed
	case o.draining.Load():
		return ErrDraining
	}
	return nil
}

// stop marks the overlay as one that takes no more members, and returns those that it has.
func (o *Overlay) stop(mark *atomic.Bool) []*Member {
	o.mu.Lock()
	defer o.mu.Unlock()
	mark.Store(true)
	return slices.Collect(maps.Keys(o.members))
}

// Drain ends the work of this node in good order. All members leave their clusters, so
// that other nodes ask them no more. Requests that still wait for a member are answered
// with [FaultDraining], as are new ones, but for those of members that have work in hand
// and ask others for it. Drain returns when the members have answered
// what they have in hand, have the answers to what they asked before, and their tunnels are
// closed, and other nodes know, or with the context's error when that ends first.
func (o *Overlay) Drain(ctx context.Context) error {
	members := o.stop(&o.draining)
	for _, r := range o.lookup.Drain() {
		r.Owner.(local).fail(r.Token, FaultDraining)
	}
	for _, m := range members {
		m.Withdraw()
	}
	left := time.Now()
	for _, m := range members {
		if err := m.finish(ctx); err != nil {
			return err
		}
	}
	if o.net == nil {
		return nil
	}
	return o.net.awaitStragglers(ctx, left)
}

// Close detaches all members. Nothing is delivered after it. It may be called more than
// once.
func (o *Overlay) Close() {
	members := o.stop(&o.closed)
	o.lookup.Drain() // what was held ends with its members
	for _, m := range members {
		m.Close()
	}
	if o.net != nil {
		o.net.ending.Do(o.net.close)
	}
	o.cancel()
}

// Stats counts what an overlay has dropped or refused since it was made.
type Stats struct {
	PlacesFull      uint64 // names that were not looked up, as too many are
	SendsFailed     uint64 // broadcasts and events for a node without a link, or that does not read
	CopiesDropped   uint64 // of messages that were to be forwarded to a node without a link, or that does not read
	CopiesLate      uint64 // of messages that came after a later one of their sender, by another route
	RepliesDropped  uint64 // of members here, for a node without a link, or that does not read
	BytesLost       uint64 // of messages that waited to be written to a link when it was lost
	FramesRefused   uint64 // large messages that there was no memory for; each has cost its node the link
	ControlsDropped uint64 // messages of the directory for a node without a link, or that does not read; it repeats them
	Unconfirmed     uint64 // members that went on before all other nodes knew of their cluster and topics

	// Requests of members of this node that were answered by a fault of its own.
	Overloaded uint64 // with FaultOverloaded
	Draining   uint64 // with FaultDraining
	LinkLost   uint64 // with FaultMemberLost, as the link to the node that had them was lost

	MembersLost  uint64 // requests that a member of this node had in hand when it went, whoever has asked
	Unreturned   uint64 // requests of other nodes that found neither a member here nor room on the way back
	PartsMet     uint64 // requests and tunnels that a member or node did not take, as the application or node that asked had its part of it
	TunnelsUnfit uint64 // tunnels of members of this node that were not built, as all who were asked refused
	AsksRefused  uint64 // questions of other nodes that were not answered, as there were too many, or they were not understood

	TracesRefused uint64 // requests to trace that were refused, as there were too many
	TracesUnkept  uint64 // steps of traced requests, and requests of other nodes, that were not recorded, as there were enough

	Done Done
}

// Done counts what members of this node have done. A request is in one of the counts of how it
// ended, unless it is open, or its member went first.
type Done struct {
	Requests   uint64 // asked
	Replies    uint64 // of them, that were answered by a reply
	Faults     uint64 // by a fault of a member, or of a node
	Timeouts   uint64 // by a timeout, or as nobody serves the cluster
	Published  uint64 // events sent
	Broadcasts uint64 // broadcasts sent
	Tunnels    uint64 // tunnels built

	Delivered names.Delivered // to members of this node
}

// counters are those that no part of the overlay keeps itself.
type counters struct {
	repliesDropped, unlinked, unconfirmed       atomic.Uint64
	overloaded, draining, linkLost, membersLost atomic.Uint64
	unreturned, tunnelsUnfit, asksRefused       atomic.Uint64
	partsMet                                    atomic.Uint64
	requests, replies, faults, timeouts         atomic.Uint64
	published, broadcasts, tunnels              atomic.Uint64
}

// Stats returns the counts. It may be called at any time.
func (o *Overlay) Stats() Stats {
	known := o.lookup.Stats()
	traced := o.traces.Stats()
	links := o.sessions.Stats()
	s := Stats{
		PlacesFull:      known.PlacesFull,
		RepliesDropped:  o.counters.repliesDropped.Load(),
		BytesLost:       links.BytesLost,
		FramesRefused:   links.FramesRefused,
		ControlsDropped: links.ControlsDropped + o.counters.unlinked.Load(),
		Unconfirmed:     o.counters.unconfirmed.Load(),
		Overloaded:      o.counters.overloaded.Load(),
		Draining:        o.counters.draining.Load(),
		LinkLost:        o.counters.linkLost.Load(),
		MembersLost:     o.counters.membersLost.Load(),
		Unreturned:      o.counters.unreturned.Load(),
		PartsMet:        o.counters.partsMet.Load(),
		TunnelsUnfit:    o.counters.tunnelsUnfit.Load(),
		AsksRefused:     o.counters.asksRefused.Load(),
		TracesRefused:   traced.Refused,
		TracesUnkept:    traced.Unkept + traced.Unjoined,
		Done: Done{
			Requests:   o.counters.requests.Load(),
			Replies:    o.counters.replies.Load(),
			Faults:     o.counters.faults.Load(),
			Timeouts:   o.counters.timeouts.Load(),
			Published:  o.counters.published.Load(),
			Broadcasts: o.counters.broadcasts.Load(),
			Tunnels:    o.counters.tunnels.Load(),
			Delivered:  known.Delivered,
		},
	}
	if o.net != nil {
		sent := o.net.multicast.Stats()
		s.SendsFailed, s.CopiesDropped, s.CopiesLate = sent.SendsFailed, sent.CopiesDropped, sent.CopiesLate
	}
	return s
}
