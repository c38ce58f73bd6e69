package overlay

import (
	"context"
	"crypto/sha256"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/project-iris/iris/overlay/directory"
	"github.com/project-iris/iris/overlay/join"
	"github.com/project-iris/iris/overlay/lookup"
	"github.com/project-iris/iris/overlay/membership"
	"github.com/project-iris/iris/overlay/multicast"
	"github.com/project-iris/iris/overlay/names"
	"github.com/project-iris/iris/overlay/peers"
	"github.com/project-iris/iris/overlay/roster"
	"github.com/project-iris/iris/overlay/session"
	"github.com/project-iris/iris/overlay/tunnel"
	"github.com/project-iris/iris/overlay/wire"
	"github.com/project-iris/iris/transport"
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
	// Join are addresses of nodes to begin with, host:port with or without a scheme.
	// Each is tried until it answers, and again whenever this node knows no other.
	Join []string
	// Contested is called, once, when another node has the id of this one, which is of no
	// more use then. It must not block. Default: nothing is done.
	Contested func(Contest)
	// Logger gets what operators need to know. Default: nothing is logged.
	Logger *slog.Logger
}

// Contest says that another node has the id of this one.
type Contest = peers.Contest

// network is the part of an overlay that knows other nodes.
type network struct {
	overlay   *Overlay
	config    Network
	epoch     uint64 // of this node
	log       *slog.Logger
	peers     *peers.Peers
	members   *membership.Membership
	roster    *roster.Roster
	multicast *multicast.Multicast
	ctx       context.Context // ends with Close
	cancel    context.CancelFunc
	ending    sync.Once
	work      sync.WaitGroup // all goroutines but farewells
	// farewells are of tunnels that were closed here.
	farewells tunnel.Farewells
}

// Versions returns the versions of the protocol between nodes that an overlay speaks. The
// transports that carry it are made with them.
func Versions() transport.Versions {
	return transport.Versions{Oldest: wire.OldestVersion, Newest: wire.Version}
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
	n := &network{
		overlay: o,
		config:  config,
		log:     config.Logger,
	}
	n.ctx, n.cancel = o.ctx, o.cancel
	self, epoch := wire.NodeID(config.Self), uint64(time.Now().UnixNano())
	n.peers = peers.New(peers.Config{
		Self: config.Self, Transport: config.Transport, Handler: n, Contested: config.Contested, Logger: config.Logger,
	})
	n.roster = roster.New(directory.Member{ID: self, Epoch: epoch}, n.peers)
	n.multicast = multicast.New(host{o}, session.Lanes)
	bounds := o.bounds()
	bounds.Hasher, bounds.Linked, bounds.Draw = directory.NewHasher(config.Secret), o.links.linked, rand.IntN
	bounds.Route = func(nodes []names.NodeID) names.Route { return n.multicast.Route(nodes) }
	o.lookup = lookup.New(lookup.Config{Names: bounds, Owner: owner{o}, Self: self, Epoch: epoch, Seed: rand.Uint64()})
	n.epoch = epoch
	members, err := membership.New(membership.Config{
		Self: config.Self, Meta: n.info(config.Address), Carrier: n, Handler: n, Reach: n.reach, Logger: config.Logger,
	})
	if err != nil {
		n.cancel()
		return err
	}
	n.members = members
	o.net = n
	n.work.Go(func() { o.lookup.Run(n.ctx) })
	if config.Listener != nil {
		n.work.Go(func() { n.peers.Serve(config.Listener) })
	}
	for _, seed := range config.Join {
		n.work.Go(func() { join.Seed{Addr: seed, Network: seeded{n}, Log: n.log}.Run(n.ctx) })
	}
	return nil
}

// close ends the network: the others are told, and all goroutines have ended when it
// returns.
func (n *network) close() {
	n.members.Leave()
	n.finishLanes()
	n.farewells.Await()
	n.cancel()
	n.members.Close()
	n.peers.Close(nil)
	n.multicast.Close()
	n.work.Wait()
	n.farewells.Wait()
}

// finishLanes hands over what is still in the lanes to all nodes.
func (n *network) finishLanes() {
	var finishing sync.WaitGroup
	for _, r := range n.overlay.links.all() {
		finishing.Go(r.Finish)
	}
	finishing.Wait()
}

// LinkUp takes a link into use.
func (n *network) LinkUp(p *peers.Peer) {
	r := newRemote(n.overlay, p)
	o := n.overlay
	o.links.add(r)
	o.lookup.LinkUp(r.ID())
	n.roster.Met(p.ID())
	n.log.Info("link is up", "peer", p.ID().Short(), "addr", p.Link().RemoteAddr(), "version", p.Link().Version())
	n.work.Go(func() {
		if err := n.members.Join(p.ID()); err != nil {
			n.log.Debug("lists were not merged", "peer", p.ID().Short(), "err", err)
		}
	})
}

// LinkDown gives up what was under way over a link.
func (n *network) LinkDown(p *peers.Peer, cause error) {
	o := n.overlay
	r := o.links.get(wire.NodeID(p.ID()))
	o.links.remove(r)
	n.multicast.LinkLost(r.ID())
	r.lost()
	n.work.Go(r.Wait)
	n.log.Info("link is down", "peer", p.ID().Short(), "reason", cause)
}

// Stream handles a stream of a peer.
func (n *network) Stream(p *peers.Peer, kind peers.Kind, s transport.Stream) {
	r := n.overlay.links.get(wire.NodeID(p.ID()))
	switch kind {
	case peers.KindControl:
		r.ServeControl(s)
	case peers.KindLane:
		r.ServeLane(s)
	case peers.KindTunnel:
		r.takeTunnel(s)
	case peers.KindMembership:
		n.members.HandleStream(p.ID(), s)
	}
}

// Datagram handles a datagram of a peer.
func (n *network) Datagram(p *peers.Peer, b []byte) { n.members.HandlePacket(p.ID(), b) }

// SendPacket sends a packet of the membership.
func (n *network) SendPacket(to transport.PeerID, b []byte) {
	if p := n.peers.Get(to); p != nil {
		_ = p.SendDatagram(b) // best effort
	}
}

// OpenStream opens a stream of the membership.
func (n *network) OpenStream(ctx context.Context, to transport.PeerID) (transport.Stream, error) {
	p := n.peers.Get(to)
	if p == nil {
		return nil, peers.ErrNoLink
	}
	return p.Open(ctx, peers.KindMembership)
}

// reach makes a link to a node that is believed to be dead.
func (n *network) reach(ctx context.Context, id transport.PeerID, meta []byte) error {
	info, err := wire.ParseInfo(meta)
	if err != nil {
		return err
	}
	_, err = n.find(ctx, roster.AddressesOf(info), id, FoundByMembers)
	return err
}

// NodeUp learns of a node.
func (n *network) NodeUp(id transport.PeerID, meta []byte) {
	info, err := wire.ParseInfo(meta)
	if err != nil {
		n.log.Warn("node is ignored: what it tells of itself cannot be read", "peer", id.Short(), "err", err)
		return
	}
	addr := roster.AddressesOf(info)
	if how, news := n.roster.Up(id, addr, info.Epoch); news {
		n.sayFound(id, how, addr)
	}
	n.overlay.lookup.Again() // which tells the directory: whoever calls this holds locks of his own
}

// NodeDown learns that a node is gone. Membership remembers it, and looks for it by
// reach.
func (n *network) NodeDown(id transport.PeerID) {
	n.roster.Down(id)
	n.overlay.lookup.Again()
}

// HandleControl tells a node where this one sees it, and lets the directory find out what
// it has missed.
func (r *remote) HandleControl() {
	if seen := roster.SeenAt(r.Peer().Link().RemoteAddr()); seen != nil {
		r.Tell(seen)
	}
	r.overlay.lookup.Step(directory.Connected{Peer: r.ID()})
}

// HandleDirectory hands a message to the directory. What a node says of where it sees this
// one counts once a link.
func (r *remote) HandleDirectory(m wire.Message) {
	if seen, ok := m.(*wire.Seen); ok {
		if !r.saidSeen {
			r.overlay.net.roster.See(r.Peer().ID(), seen)
		}
		r.saidSeen = true
		return
	}
	r.overlay.lookup.Step(directory.Received{From: r.ID(), Message: m})
}

// owner is the overlay as its lookup sees it.
type owner struct{ *Overlay }

// Resume lets a request go on that was held.
func (o owner) Resume(r *names.Request) {
	if m := r.Owner.(local).Member; m.asked.Has(r.Token) {
		m.dispatch(time.Now(), r.Attempt(), false)
	}
}

// Send sends a message of the directory. One that cannot be sent is repeated.
func (o owner) Send(to wire.NodeID, m wire.Message) {
	if r := o.links.get(to); r != nil {
		r.Tell(m)
	} else {
		o.counters.unlinked.Add(1)
	}
}

// Members returns who is in the network.
func (o owner) Members() *directory.Members { return o.net.roster.Members() }

// Sweep forgets what was not used lately.
func (o owner) Sweep() { o.net.multicast.Sweep() }

// host is the overlay as a multicast needs it.
type host struct{ overlay *Overlay }

// Linked reports whether there is a link to a node.
func (h host) Linked(id wire.NodeID) bool { return h.overlay.links.linked(id) }

// Link returns the link to a node, and false if there is none.
func (h host) Link(id wire.NodeID) (multicast.Link, bool) {
	r := h.overlay.links.get(id)
	if r == nil {
		return nil, false
	}
	return way{r.Session}, true
}

// way is a session as a multicast needs it.
type way struct{ *session.Session }

func (w way) Lane(sender uint64) multicast.Lane { return w.Session.Lane(sender) }
func (w way) ForwardLane() multicast.Lane       { return w.Session.ForwardLane() }

// Deliver hands a message of another node to the receivers at this one.
func (h host) Deliver(kind wire.Kind, name, message []byte) {
	switch kind {
	case wire.KindEvent:
		h.overlay.deliverEvent(name, message)
	case wire.KindBroadcast:
		h.overlay.deliverBroadcast(name, message)
	}
}

// stragglerTime is how long after members have left other nodes may take to hear of it,
// besides two round trips of the link.
const stragglerTime = 250 * time.Millisecond

// awaitStragglers waits until what other nodes have sent to members here, before they
// heard that these left at the given time, has come and was sent back: a link that is
// closed before may lose it on its way.
func (n *network) awaitStragglers(ctx context.Context, left time.Time) error {
	var slowest time.Duration
	links := n.overlay.links.all()
	if len(links) == 0 {
		return nil
	}
	for _, r := range links {
		slowest = max(slowest, r.Peer().Link().Stats().RTT)
	}
	timer := time.NewTimer(time.Until(left.Add(stragglerTime + 2*slowest)))
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// seeded is the network as its seeds see it.
type seeded struct{ *network }

// Alone reports whether there is no link to any node.
func (s seeded) Alone() bool { return len(s.peers.All()) == 0 }

// Changed returns a channel that is closed when nodes have come or gone since the call.
func (s seeded) Changed() <-chan struct{} { return s.roster.Changed() }

// Reach makes a link to the node at an address.
func (s seeded) Reach(ctx context.Context, addr string) error {
	_, err := s.find(ctx, addr, transport.PeerID{}, FoundByJoin)
	return err
}
