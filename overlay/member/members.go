package member

import (
	"context"
	"errors"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/project-iris/iris/overlay/lookup"
	"github.com/project-iris/iris/overlay/multicast"
	"github.com/project-iris/iris/overlay/names"
	"github.com/project-iris/iris/overlay/remote"
	"github.com/project-iris/iris/overlay/trace"
	"github.com/project-iris/iris/overlay/traffic"
	"github.com/project-iris/iris/overlay/wire"
	"github.com/project-iris/iris/transport/budget"
)

// Faults that a request is answered with here. Their texts reach the caller.
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
	// ErrClosed says that the node or the member is closed.
	ErrClosed = errors.New("closed")
	// ErrDraining says that the node is being stopped.
	ErrDraining = errors.New(FaultDraining)
	// ErrTooManyTopics says that a member may not subscribe to more topics.
	ErrTooManyTopics = names.ErrTooManyTopics
	// ErrNoMember says that every member that could be asked has refused.
	ErrNoMember = errors.New("no member took it")
)

// Limits are what each member may have. They are all set.
type Limits struct {
	OpenRequests int // of its own that are open, and as many in hand
	Tunnels      int // that others have opened to it, or want to
}

// greed lets one of those who share something have seven eighths of what is not reserved for
// others, while these want none.
const greed = 7

// Config says what [Members] work with.
type Config struct {
	Limits Limits
	Lookup *lookup.Lookup // who serves a name
	// Links are the other nodes, and Multicast sends to many of them. Nil: this node is alone.
	Links     *remote.Table
	Multicast *multicast.Multicast
	// Context ends when the node is closed.
	Context context.Context
	// Memory is what requests are taken of, in bytes. Nil: no limit.
	Memory *budget.Budget
}

// What a request takes of the memory, besides its body: of the one who asks, with what is kept of
// it for the node that has it, and of the one who has it in hand.
const (
	askedMemory  = 640
	servedMemory = 256
)

// Members are those of this node. Their methods are safe for concurrent use.
type Members struct {
	limits    Limits
	lookup    *lookup.Lookup
	links     *remote.Table
	multicast *multicast.Multicast
	ctx       context.Context
	memory    *budget.Budget // nil: no limit

	shards   atomic.Uint64
	draining atomic.Bool
	closed   atomic.Bool
	counters counters
	traces   trace.Recorder

	mu       sync.Mutex
	members  map[*Member]struct{}
	clusters map[string]*servedCluster // clusters that members serve, or have until they answered
	parted   traffic.ServedCounts      // of clusters that are served no more
}

// New returns the members of a node that has none yet.
func New(config Config) *Members {
	return &Members{
		limits: config.Limits, lookup: config.Lookup, links: config.Links, multicast: config.Multicast, ctx: config.Context,
		memory:  config.Memory,
		members: make(map[*Member]struct{}), clusters: make(map[string]*servedCluster),
	}
}

// Attach adds a member, which serves the named cluster unless the name is empty.
// Requests that wait for this cluster are handed to it at once: the handler has to
// be ready, and may be called before Attach returns.
//
// It fails with [ErrDraining] or [ErrClosed] when the node is about to end.
func (ms *Members) Attach(name []byte, handler Handler) (*Member, error) {
	m := newMember(ms, string(name), handler)
	if err := ms.add(m); err != nil {
		return nil, err
	}
	if err := ms.lookup.Attach(local{m}, m.cluster); err != nil {
		ms.remove(m)
		return nil, err
	}
	if ms.draining.Load() { // which may have come before
		m.Withdraw()
	}
	if m.closed.Load() {
		ms.lookup.Detach(local{m})
	}
	return m, nil
}

// add puts a member on the list.
func (ms *Members) add(m *Member) error {
	ms.mu.Lock()
	defer ms.mu.Unlock()
	if err := ms.refusal(); err != nil {
		return err
	}
	ms.members[m] = struct{}{}
	m.traffic = ms.serves(m.cluster)
	return nil
}

// remove takes a member off the list, to which nothing is handed any more.
func (ms *Members) remove(m *Member) {
	ms.mu.Lock()
	defer ms.mu.Unlock()
	if _, attached := ms.members[m]; attached {
		ms.servesNoMore(m.cluster)
	}
	delete(ms.members, m)
}

// All returns the members.
func (ms *Members) All() []*Member {
	ms.mu.Lock()
	defer ms.mu.Unlock()
	return slices.Collect(maps.Keys(ms.members))
}

// refusal says why nobody can attach.
func (ms *Members) refusal() error {
	switch {
	case ms.closed.Load():
		return ErrClosed
	case ms.draining.Load():
		return ErrDraining
	}
	return nil
}

// stop has no more members taken, and returns those that there are.
func (ms *Members) stop(mark *atomic.Bool) []*Member {
	ms.mu.Lock()
	mark.Store(true)
	ms.mu.Unlock()
	return ms.All()
}

// Drain takes all members out of their clusters. Requests that still wait for a member are
// answered with [FaultDraining], as are new ones, but for those of members that have work in hand
// and ask others for it. Drain returns when the members have answered what they have in hand,
// have the answers to what they asked before, and their tunnels are closed, or with the
// context's error when that ends first. It says when the last one was out of its cluster.
func (ms *Members) Drain(ctx context.Context) (left time.Time, err error) {
	members := ms.stop(&ms.draining)
	for _, r := range ms.lookup.Drain() {
		r.Owner.(local).fail(r.Token, FaultDraining)
	}
	for _, m := range members {
		m.Withdraw()
	}
	left = time.Now()
	for _, m := range members {
		if err := m.finish(ctx); err != nil {
			return left, err
		}
	}
	return left, nil
}

// Close detaches all members. Nothing is delivered after it.
func (ms *Members) Close() {
	members := ms.stop(&ms.closed)
	ms.lookup.Drain() // what was held ends with its members
	for _, m := range members {
		m.Close()
	}
}

// Resume lets a request go on that was held.
func (ms *Members) Resume(r *names.Request) {
	if m := r.Owner.(local).Member; m.asked.Has(r.Token) {
		m.dispatch(time.Now(), r.Attempt(), false)
	}
}

// Serve hands a request of another node to a member: see [remote.Host].
func (ms *Members) Serve(from *remote.Remote, m *wire.Request, deadline time.Time) (reason wire.Reason, load int64, ok bool) {
	t := ms.join(from, m)
	reason, load, ok = ms.serve(from, m, deadline, t)
	traceSentBack(t, reason, ok)
	return reason, load, ok
}

func (ms *Members) serve(from *remote.Remote, m *wire.Request, deadline time.Time, t *trace.Trace) (reason wire.Reason, load int64, ok bool) {
	reason = wire.ReasonNoMember
	if ms.draining.Load() {
		reason = wire.ReasonDraining
	}
	var refused names.Refusals
	for {
		to, full := ms.lookup.PickHere(m.Cluster, &refused)
		if full != nil {
			reason, load = wire.ReasonOverloaded, full.Load()
		}
		if to.Member == nil {
			return reason, load, false
		}
		err := to.Member.(local).serve(time.Now(), from, m.ID, m.Body, deadline, t)
		traceRefused(t, to, err)
		if err == nil {
			return reason, load, true
		}
		switch {
		case errors.Is(err, errLeft):
		case !errors.Is(err, budget.ErrPart):
			ms.lookup.Refused(to)
		case refused.Full():
			ms.counters.partsMet.Add(1)
			return wire.ReasonOverloaded, to.Member.Load(), false
		default:
			ms.counters.partsMet.Add(1)
			refused.Add(to, true)
		}
	}
}

// Owner returns the member that a view of a cluster tells of.
func Owner(m names.ViewedMember) *Member { return m.Member.(local).Member }
