package overlay

import (
	"context"
	"sync/atomic"

	"github.com/project-iris/iris/overlay/lookup"
	"github.com/project-iris/iris/overlay/member"
	"github.com/project-iris/iris/overlay/multicast"
	"github.com/project-iris/iris/overlay/names"
	"github.com/project-iris/iris/overlay/remote"
	"github.com/project-iris/iris/overlay/session"
	"github.com/project-iris/iris/overlay/trace"
	"github.com/project-iris/iris/overlay/tunnel"
	"github.com/project-iris/iris/overlay/wire"
	"github.com/project-iris/iris/transport/budget"
)

// Member is an attached application, see [member.Member].
type Member = member.Member

// Handler is how a member is delivered to, see [member.Handler].
type Handler = member.Handler

// SharingHandler is a handler that holds large messages together with others, see
// [member.SharingHandler].
type SharingHandler = member.SharingHandler

// Stream is one end of a tunnel, see [tunnel.Stream].
type Stream = tunnel.Stream

// Faults that a request is answered with by a node, see [member.FaultOverloaded] and those beside
// it.
const (
	FaultOverloaded = member.FaultOverloaded
	FaultMemberLost = member.FaultMemberLost
	FaultDraining   = member.FaultDraining
)

// What the methods of a member fail with, see [member.ErrClosed] and those beside it.
var (
	ErrClosed        = member.ErrClosed
	ErrDraining      = member.ErrDraining
	ErrTooManyTopics = member.ErrTooManyTopics
	ErrNoMember      = member.ErrNoMember
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

// Overlay connects the members of clusters and topics. Its methods are safe for
// concurrent use.
type Overlay struct {
	config  Config
	lookup  *lookup.Lookup
	links   remote.Table
	members *member.Members
	net     *connection     // nil: this node is alone
	ctx     context.Context // ends with Close
	cancel  context.CancelFunc

	frames   *wire.Budget // of what other nodes send
	sessions session.Counters
	counters counters
}

// New returns an overlay without members.
func New(config Config) *Overlay {
	o := &Overlay{config: config.withDefaults()}
	o.ctx, o.cancel = context.WithCancel(context.Background())
	o.frames = wire.NewBudget(o.config.FrameBytes)
	o.assemble(lookup.Config{Names: o.bounds()}, nil)
	return o
}

// assemble makes the parts that know names, for a node that is alone or part of a network.
func (o *Overlay) assemble(names lookup.Config, m *multicast.Multicast) {
	names.Owner = owner{o}
	names.Names.Memory = o.config.Memory
	o.lookup = lookup.New(names)
	o.members = member.New(member.Config{
		Limits: member.Limits{OpenRequests: o.config.OpenRequests, Tunnels: o.config.Tunnels},
		Lookup: o.lookup, Links: &o.links, Multicast: m, Context: o.ctx,
		Memory: o.config.Memory,
	})
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
	return o.members.Attach(name, handler)
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

// Drain ends the work of this node in good order. All members leave their clusters, so
// that other nodes ask them no more. Requests that still wait for a member are answered
// with [FaultDraining], as are new ones, but for those of members that have work in hand
// and ask others for it. Drain returns when the members have answered
// what they have in hand, have the answers to what they asked before, and their tunnels are
// closed, and other nodes know, or with the context's error when that ends first.
func (o *Overlay) Drain(ctx context.Context) error {
	left, err := o.members.Drain(ctx)
	if err != nil || o.net == nil {
		return err
	}
	return o.net.awaitStragglers(ctx, left)
}

// Close detaches all members. Nothing is delivered after it. It may be called more than
// once.
func (o *Overlay) Close() {
	o.members.Close()
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
	FramesRefused   uint64 // large messages of other nodes that there was no memory for
	ControlsDropped uint64 // messages of the directory for a node without a link, or that does not read; it repeats them
	Unconfirmed     uint64 // members that went on before all other nodes knew of their cluster and topics

	// Requests of members of this node that were answered by a fault of its own.
	Overloaded uint64 // with FaultOverloaded
	Draining   uint64 // with FaultDraining
	LinkLost   uint64 // with FaultMemberLost, as the link to the node that had them was lost

	MembersLost   uint64 // requests that a member of this node had in hand when it went, whoever has asked
	Unreturned    uint64 // requests of other nodes that found neither a member here nor room on the way back
	PartsMet      uint64 // requests and tunnels that a member or node did not take, as the application or node that asked had its part of it
	TunnelsUnfit  uint64 // tunnels of members of this node that were not built, as all who were asked refused
	LinksDisowned uint64 // links that ended or were not used, as their nodes have proved themselves by no network key that is accepted now
	AsksRefused   uint64 // questions of other nodes that were not answered, as there were too many, or they were not understood

	TracesRefused uint64 // requests to trace that were refused, as there were too many
	TracesUnkept  uint64 // steps of traced requests, and requests of other nodes, that were not recorded, as there were enough

	Done Done
}

// Done counts what members of this node have done.
type Done struct {
	member.Done
	Delivered names.Delivered // to members of this node
}

// counters are those that no part of the overlay keeps itself.
type counters struct {
	repliesDropped, linkLost, unreturned atomic.Uint64 // see [remote.Config]
	unlinked, asksRefused                atomic.Uint64
}

// Traces returns what records traces of requests. Nothing is traced until it is armed.
func (o *Overlay) Traces() *trace.Recorder { return o.members.Traces() }

// Stats returns the counts. It may be called at any time.
func (o *Overlay) Stats() Stats {
	members, known, links := o.members.Stats(), o.lookup.Stats(), o.sessions.Stats()
	traced := o.members.Traces().Stats()
	s := Stats{
		PlacesFull:      known.PlacesFull,
		RepliesDropped:  o.counters.repliesDropped.Load(),
		BytesLost:       links.BytesLost,
		FramesRefused:   links.FramesRefused,
		ControlsDropped: links.ControlsDropped + o.counters.unlinked.Load(),
		Unconfirmed:     members.Unconfirmed,
		Overloaded:      members.Overloaded,
		Draining:        members.Draining,
		LinkLost:        o.counters.linkLost.Load(),
		MembersLost:     members.MembersLost,
		Unreturned:      o.counters.unreturned.Load(),
		PartsMet:        members.PartsMet,
		TunnelsUnfit:    members.TunnelsUnfit,
		AsksRefused:     o.counters.asksRefused.Load(),
		TracesRefused:   traced.Refused,
		TracesUnkept:    traced.Unkept + traced.Unjoined,
		Done:            Done{Done: members.Done, Delivered: known.Delivered},
	}
	if o.net != nil {
		sent := o.net.multicast.Stats()
		s.LinksDisowned = o.net.Disowned()
		s.SendsFailed, s.CopiesDropped, s.CopiesLate = sent.SendsFailed, sent.CopiesDropped, sent.CopiesLate
	}
	return s
}
