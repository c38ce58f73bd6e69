package overlay

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/project-iris/iris/overlay/names"
	"github.com/project-iris/iris/overlay/session"
	"github.com/project-iris/iris/overlay/wire"
)

// Faults that the overlay itself answers a request with. Their texts reach the
// caller.
const (
	// FaultOverloaded says that the caller has too many requests open, or too many
	// bytes of them waiting for members or for room.
	FaultOverloaded = "overloaded"
	// FaultMemberLost says that the member that had the request is gone. Whether
	// it ran is unknown.
	FaultMemberLost = "member lost"
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
}

func (c Config) withDefaults() Config {
	if c.OpenRequests == 0 {
		c.OpenRequests = 1 << 16
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
	config Config

	mu       sync.Mutex
	names    *names.Names
	members  map[*Member]struct{}
	draining bool
	closed   bool

	net    *network // nil: this node is alone
	links  links
	shards atomic.Uint64

	stopping atomic.Bool // draining, for those who do not hold mu

	frames   *wire.Budget // of what other nodes send
	sessions session.Counters
	counters counters
}

// New returns an overlay without members.
func New(config Config) *Overlay {
	o := &Overlay{config: config.withDefaults(), members: make(map[*Member]struct{})}
	o.frames = wire.NewBudget(o.config.FrameBytes)
	o.names = names.New(o.bounds())
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
	if err := o.refusal(); err != nil {
		o.mu.Unlock()
		return nil, err
	}
	o.members[m] = struct{}{}
	resumed := o.names.Attach(local{m}, m.cluster)
	o.unlock()
	o.resume(resumed)
	if m.service() {
		m.Resume()
	}
	return m, nil
}

// refusal says why nobody can attach. Overlay.mu is held.
func (o *Overlay) refusal() error {
	switch {
	case o.closed:
		return ErrClosed
	case o.draining:
		return ErrDraining
	}
	return nil
}

// Drain ends the work of this node in good order. All members leave their clusters, so
// that other nodes ask them no more. Requests that still wait for a member are answered
// with [FaultDraining], as are new ones, but for those of members that have work in hand
// and ask others for it. Drain returns when the members have answered
// what they hold, have the answers to what they asked before, and their tunnels are
// closed, and other nodes know, or with the context's error when that ends first.
func (o *Overlay) Drain(ctx context.Context) error {
	o.mu.Lock()
	o.draining = true
	o.stopping.Store(true)
	members := make([]*Member, 0, len(o.members))
	for m := range o.members {
		members = append(members, m)
	}
	resumed := o.names.Drain()
	o.unlock()

	for _, r := range resumed.Requests {
		r.Owner.(local).answer(r.Token, outcomeFault, []byte(FaultDraining), 0)
	}
	o.resume(names.Resumed{Waiters: resumed.Waiters})
	for _, m := range members {
		m.leave()
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
	o.mu.Lock()
	o.closed = true
	waiters := o.names.Drain().Waiters // the requests end with their members
	members := make([]*Member, 0, len(o.members))
	for m := range o.members {
		members = append(members, m)
	}
	o.mu.Unlock()
	o.resume(names.Resumed{Waiters: waiters})
	for _, m := range members {
		m.Close()
	}
	if o.net != nil {
		o.net.ending.Do(o.net.close)
	}
}
