package overlay

import (
	"cmp"
	"context"
	"crypto/sha256"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"github.com/project-iris/iris/overlay/directory"
	"github.com/project-iris/iris/overlay/lookup"
	"github.com/project-iris/iris/overlay/multicast"
	"github.com/project-iris/iris/overlay/names"
	"github.com/project-iris/iris/overlay/network"
	"github.com/project-iris/iris/overlay/peers"
	"github.com/project-iris/iris/overlay/remote"
	"github.com/project-iris/iris/overlay/session"
	"github.com/project-iris/iris/overlay/tunnel"
	"github.com/project-iris/iris/overlay/wire"
	"github.com/project-iris/iris/transport"
	"github.com/project-iris/iris/transport/refusal"
)

// Network says how a node reaches others. Transport, Self and Secret are required.
type Network struct {
	// Self is this node.
	Self transport.PeerID
	// Transport makes links. It has to be made for [Versions]. The overlay does not close
	// it.
	Transport transport.Transport
	// Listener accepts links; the overlay closes it. Nil: this node only dials.
	Listener transport.Listener
	// Address is where others reach this node, as their transports understand it.
	Address string
	// Secret is the same on all nodes of the network and known to nobody else. Names
	// are hashed with it.
	Secret [sha256.Size]byte
	// OtherSecrets are those of other network keys that are accepted: names are registered
	// under them too.
	OtherSecrets [][sha256.Size]byte
	// PacketSecrets are what packets beside the links are sealed with, the first one, and
	// opened with, all of them, see [sealed.Config]. Default: all goes over links.
	PacketSecrets [][sha256.Size]byte
	// Keys are the network keys by which nodes prove themselves to each other. Default: the links of
	// the transport stand for themselves.
	Keys Keys
	// Contested is called, once, when another node has the id of this one, which is of no
	// more use then. It must not block. Default: nothing is done.
	Contested func(Contest)
	// IdleLink is after how long without use a link is ended in good order; it is made again
	// when it is needed. Default [DefaultIdleLink].
	IdleLink time.Duration
	// MaxLinks is how many links this node wants to have at most. When there are more, the one
	// that was idle for the longest time makes room; those that are used are never cut.
	// Default [DefaultMaxLinks].
	MaxLinks int
	// Answer answers questions of other nodes, see [Overlay.Ask]; nil is no answer. It is called by
	// several goroutines. Default: none is answered.
	Answer func(question string) []byte
	// Logger gets what operators need to know. Default: nothing is logged.
	Logger *slog.Logger
}

// Defaults of [Network].
const (
	DefaultIdleLink = 2 * time.Minute
	DefaultMaxLinks = 512
)

// Contest says that another node has the id of this one.
type Contest = peers.Contest

// Versions returns the versions of the protocol between nodes that an overlay speaks. The
// transports that carry it are made with them.
func Versions() transport.Versions {
	return transport.Versions{Oldest: wire.OldestVersion, Newest: wire.Version}
}

// connection is what Connect adds to an overlay: the other nodes, and what is sent to many of
// them.
type connection struct {
	*network.Network
	overlay   *Overlay
	multicast *multicast.Multicast
	idle      *remote.Idle
	unsent    *remote.Unsent
	watch     *remote.Watch
	log       *slog.Logger
	keys      Keys                         // nil: none
	rekeyed   chan struct{}                // holds one when they were replaced
	disowned  refusal.Throttle             // of lines about nodes without an accepted one
	answers   func(question string) []byte // nil: none
	asks      chan struct{}                // holds one for each question that is being answered
	askRate   *rate.Limiter
	ending    sync.Once
	work      sync.WaitGroup   // all goroutines but farewells
	farewells tunnel.Farewells // of tunnels that were closed here
}

// Connect makes the overlay part of a network. It is called once, before the first
// Attach. It fails for a transport that agrees with other nodes on versions which the
// overlay does not speak.
func (o *Overlay) Connect(config Network) error {
	if t := config.Transport; t.Versions() != Versions() {
		return fmt.Errorf("overlay: transport %s was made for %v of the protocol between nodes, this node speaks %v",
			t.Scheme(), t.Versions(), Versions())
	}
	if config.Logger == nil {
		config.Logger = slog.New(slog.DiscardHandler)
	}
	c := &connection{
		overlay:   o,
		multicast: multicast.New(receivers{o}, session.Senders),
		idle:      remote.NewIdle(cmp.Or(config.IdleLink, DefaultIdleLink), cmp.Or(config.MaxLinks, DefaultMaxLinks)),
		watch:     remote.NewWatch(),
		log:       config.Logger,
		keys:      config.Keys,
		rekeyed:   make(chan struct{}, 1),
		answers:   config.Answer,
		asks:      make(chan struct{}, asksAtOnce),
		askRate:   rate.NewLimiter(asksPerSecond, asksPerSecond),
		unsent:    remote.NewUnsent(),
	}
	var accepts func(key string) bool
	if c.keys != nil {
		accepts = c.keys.Accepts
	}
	c.Network = network.New(network.Config{
		Self: config.Self, Transport: config.Transport, Listener: config.Listener, Address: config.Address,
		PacketSecrets: config.PacketSecrets, Contested: config.Contested, Accepts: accepts, Handler: c, Logger: config.Logger,
	})
	bounds := o.bounds()
	bounds.Hasher, bounds.Draw = directory.NewHasher(config.Secret), rand.IntN
	bounds.Also = hashers(config.OtherSecrets)
	bounds.Linked, bounds.Want = o.links.Linked, c.Want
	bounds.Route = func(nodes []transport.PeerID) names.Route { return c.multicast.Route(nodes) }
	o.assemble(lookup.Config{Names: bounds, Self: config.Self, Epoch: c.Epoch(), Seed: rand.Uint64()}, c.multicast)
	o.net = c
	if err := c.Start(); err != nil {
		o.Close()
		return err
	}
	c.work.Go(func() { o.lookup.Run(o.ctx) })
	c.work.Go(func() { c.idle.Run(o.ctx, &o.links, c.NeedsLink) })
	c.work.Go(func() { c.watch.Run(o.ctx, &o.links) })
	c.work.Go(func() { c.unsent.Run(o.ctx, c.sayUnsent) })
	c.work.Go(func() { c.checkKeys(o.ctx) })
	return nil
}

// hashers returns what makes names with each of some secrets.
func hashers(secrets [][sha256.Size]byte) []*directory.Hasher {
	var all []*directory.Hasher
	for _, secret := range secrets {
		all = append(all, directory.NewHasher(secret))
	}
	return all
}

// SetSecrets replaces [Network.Secret] and OtherSecrets by the first and the rest of names, and
// PacketSecrets by packets, when the network key is replaced. It must not be called before
// Connect. It returns when the others know the names of this node, or after half a second: then
// the next node can be told. Nodes whose links were made by keys that [Network.Keys] does not accept
// any more are asked to prove themselves again; the links of those that do not end within ten
// seconds. The error is that of [sealed.Box.SetSecrets], which changes none of these secrets.
func (o *Overlay) SetSecrets(names, packets [][sha256.Size]byte) error {
	o.net.keysReplaced()
	if err := o.net.SetPacketSecrets(packets); err != nil {
		return err
	}
	all := hashers(names)
	o.lookup.Rename(all[0], all[1:])
	o.lookup.AwaitConfirmation(o.ctx)
	return nil
}

// LimitLinks changes [Network.IdleLink] and [Network.MaxLinks], where zero means the default.
// Links that are too many end one after the other.
func (o *Overlay) LimitLinks(idle time.Duration, most int) {
	if o.net != nil {
		o.net.idle.Set(cmp.Or(idle, DefaultIdleLink), cmp.Or(most, DefaultMaxLinks))
		o.net.idle.Crowd(len(o.links.All()))
	}
}

// Network returns the other nodes, nil before Connect.
func (o *Overlay) Network() *network.Network {
	if o.net == nil {
		return nil
	}
	return o.net.Network
}

// close ends the network: the others are told, and all goroutines have ended when it
// returns.
func (c *connection) close() {
	c.Leave()
	c.finishLanes()
	c.farewells.Await()
	c.overlay.cancel()
	c.Close()
	c.multicast.Close()
	c.work.Wait()
	c.farewells.Wait()
}

// finishLanes hands over what is still in the lanes to all nodes.
func (c *connection) finishLanes() {
	var finishing sync.WaitGroup
	for _, r := range c.overlay.links.All() {
		finishing.Go(r.Finish)
	}
	finishing.Wait()
}

// LinkUp takes a link into use.
func (c *connection) LinkUp(p *peers.Peer) {
	o := c.overlay
	r := remote.New(remote.Config{
		Peer: p, Frames: o.newFrames(), Memory: o.newWaiting(), Sessions: &o.sessions, Dropped: &o.counters.repliesDropped,
		Lost: &o.counters.linkLost, Stuck: &o.counters.unreturned, Host: host{o.members, o}, Watch: c.watch,
		OpenBulk: c.OpenBulk, Farewells: &c.farewells,
	})
	o.links.Add(r)
	o.lookup.LinkUp(r.ID())
	c.idle.Crowd(len(o.links.All()))
}

// LinkDown gives up what was under way over a link.
func (c *connection) LinkDown(p *peers.Peer, _ error) {
	r := c.overlay.links.Get(p.ID())
	c.overlay.links.Remove(r)
	c.multicast.LinkLost(r.ID())
	r.Lost()
	c.work.Go(r.Wait)
}

// Stream handles a stream of a peer.
func (c *connection) Stream(p *peers.Peer, kind peers.Kind, s transport.Stream) {
	r := c.overlay.links.Get(p.ID())
	switch kind {
	case peers.KindControl:
		r.ServeControl(s)
	case peers.KindLane:
		r.ServeLane(s)
	case peers.KindTunnel:
		r.ServeTunnel(s)
	case peers.KindAsk:
		c.answer(r, s)
	}
}

// connect returns another node as soon as there is a link to it: see [peers.Peers.Connect].
func (c *connection) connect(ctx context.Context, id transport.PeerID, patience time.Duration) (*remote.Remote, error) {
	return c.overlay.links.Await(ctx, id, func() error {
		_, err := c.Connect(ctx, id, patience)
		return err
	})
}

// Changed tells the directory who is a member.
func (c *connection) Changed() {
	c.unsent.Prune(c.Knows)
	c.overlay.lookup.LookSoon()
}

// sayUnsent says what still waits for a node, or asks for a link once more: the dial may have
// failed, or the link that was to end may go on. What waits for a node that has gone is forgotten.
func (c *connection) sayUnsent(to transport.PeerID) {
	switch r := c.overlay.links.To(to); {
	case !c.Knows(to):
		c.unsent.Take(to)
	case r != nil:
		c.tellUnsent(r)
	default:
		c.Want(to)
	}
}

// tellUnsent says what waits for a node that there is a link to.
func (c *connection) tellUnsent(to *remote.Remote) {
	for _, m := range c.unsent.Take(to.ID()) {
		to.Tell(m)
	}
}

// stragglerTime is how long other nodes may take to hear that members have left, besides two
// round trips of the link.
const stragglerTime = 250 * time.Millisecond

// awaitStragglers waits for requests that other nodes have sent before they heard that the
// members here left, at the given time. They have come and were sent back when it returns: a
// link that is closed earlier may lose them.
func (c *connection) awaitStragglers(ctx context.Context, left time.Time) error {
	links := &c.overlay.links
	if len(links.All()) == 0 {
		return nil
	}
	timer := time.NewTimer(time.Until(left.Add(stragglerTime + 2*links.RTT())))
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
