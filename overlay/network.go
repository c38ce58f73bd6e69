package overlay

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"strings"
	"sync"
	"time"

	"github.com/project-iris/iris/overlay/directory"
	"github.com/project-iris/iris/overlay/membership"
	"github.com/project-iris/iris/overlay/multicast"
	"github.com/project-iris/iris/overlay/peers"
	"github.com/project-iris/iris/overlay/wire"
	"github.com/project-iris/iris/transport"
)

// seedMin and seedMax bound the wait between tries to reach a seed.
const (
	seedMin = 200 * time.Millisecond
	seedMax = 10 * time.Second
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
	// They are tried for ever.
	Join []string
	// Logger gets what operators need to know. Default: nothing is logged.
	Logger *slog.Logger
}

// network is the part of an overlay that knows other nodes.
type network struct {
	overlay   *Overlay
	config    Network
	epoch     uint64 // of this node
	log       *slog.Logger
	hasher    *directory.Hasher
	peers     *peers.Peers
	members   *membership.Membership
	nodes     *nodes
	multicast *multicast.Multicast
	ctx       context.Context // ends with Close
	cancel    context.CancelFunc
	ending    sync.Once
	work      sync.WaitGroup // all goroutines but farewells
	// farewells are of tunnels that were closed here.
	farewells sync.WaitGroup
	dirty     chan struct{} // holds one when touched has grown

	// Guarded by Overlay.mu.
	touched    map[directory.Name]struct{} // names whose registration or watch may have changed
	retries    map[*cluster]struct{}       // what retryLater was called for
	retryTimer *time.Timer                 // runs retryHeld
	retryAt    time.Time                   // when it does; zero: never

	// mu guards the directory. Overlay.mu may be locked while it is held.
	mu            sync.Mutex
	directory     *directory.Directory
	confirmations confirmations

	whoMu sync.Mutex // guards who; nothing is locked while it is held
	who   *directory.Members
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
		overlay:    o,
		config:     config,
		log:        config.Logger,
		hasher:     directory.NewHasher(config.Secret),
		dirty:      make(chan struct{}, 1),
		touched:    make(map[directory.Name]struct{}),
		retries:    make(map[*cluster]struct{}),
		retryTimer: time.NewTimer(time.Hour),
	}
	n.confirmations.waiting = make(map[uint64]chan<- struct{})
	n.ctx, n.cancel = context.WithCancel(context.Background())
	self, epoch := wire.NodeID(config.Self), uint64(time.Now().UnixNano())
	n.who = directory.NewMembers(directory.Member{ID: self, Epoch: epoch})
	n.directory = directory.New(directory.Config{Self: self, Epoch: epoch, Seed: rand.Uint64()})
	n.peers = peers.New(peers.Config{
		Self: config.Self, Transport: config.Transport, Handler: n, Logger: config.Logger,
	})
	n.nodes = newNodes(n.peers)
	n.multicast = multicast.New(host{o}, laneCount)
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
	n.work.Go(n.run)
	if config.Listener != nil {
		n.work.Go(func() { n.peers.Serve(config.Listener) })
	}
	for _, seed := range config.Join {
		n.work.Go(func() { n.seed(seed) })
	}
	return nil
}

// close ends the network: the others are told, and all goroutines have ended when it
// returns.
func (n *network) close() {
	n.members.Leave()
	n.finishLanes()
	n.awaitFarewells()
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
		finishing.Go(r.finish)
	}
	finishing.Wait()
}

// awaitFarewells waits until what was written into tunnels has arrived, for handTimeout
// at most.
func (n *network) awaitFarewells() {
	done := make(chan struct{})
	n.work.Go(func() {
		n.farewells.Wait()
		close(done)
	})
	timer := time.NewTimer(handTimeout)
	defer timer.Stop()
	select {
	case <-done:
	case <-timer.C:
	}
}

// seed dials a seed as long as this node knows no other.
func (n *network) seed(addr string) {
	wait := seedMin
	for {
		if len(n.peers.All()) == 0 {
			if err := n.dialSeed(addr); err != nil {
				n.log.Debug("seed is not reached", "addr", addr, "err", err)
			}
		}
		select {
		case <-time.After(wait + rand.N(wait)):
		case <-n.ctx.Done():
			return
		}
		wait = min(2*wait, seedMax)
	}
}

// dialSeed dials all addresses that a seed has, at once.
func (n *network) dialSeed(addr string) error {
	addrs := []string{addr}
	if host, port, err := net.SplitHostPort(addr); err == nil && net.ParseIP(host) == nil && !strings.Contains(addr, "://") {
		ips, err := net.DefaultResolver.LookupHost(n.ctx, host)
		if err != nil {
			return err
		}
		addrs = addrs[:0]
		for _, ip := range ips {
			addrs = append(addrs, net.JoinHostPort(ip, port))
		}
	}
	var dials sync.WaitGroup
	errs := make([]error, len(addrs))
	for i, a := range addrs {
		dials.Go(func() { _, errs[i] = n.find(n.ctx, a, transport.PeerID{}, FoundByJoin) })
	}
	dials.Wait()
	return errors.Join(errs...)
}

// LinkUp takes a link into use.
func (n *network) LinkUp(p *peers.Peer) {
	r := newRemote(n.overlay, p)
	o := n.overlay
	o.links.add(r)
	o.mu.Lock()
	n.retryOver(r.id)
	o.mu.Unlock()
	n.nodes.meet(p.ID())
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
	n.multicast.LinkLost(r.id)
	r.lose()
	n.work.Go(r.rest)
	n.log.Info("link is down", "peer", p.ID().Short(), "reason", cause)
}

// Stream handles a stream of a peer.
func (n *network) Stream(p *peers.Peer, kind peers.Kind, s transport.Stream) {
	r := n.overlay.links.get(wire.NodeID(p.ID()))
	switch kind {
	case peers.KindControl:
		n.control(r, s)
	case peers.KindLane:
		r.receive(s)
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
	_, err = n.find(ctx, string(info.Address), id, FoundByMembers)
	return err
}

// NodeUp learns of a node.
func (n *network) NodeUp(id transport.PeerID, meta []byte) {
	info, err := wire.ParseInfo(meta)
	if err != nil {
		n.log.Warn("node says what cannot be understood; it is ignored", "peer", id.Short(), "err", err)
		return
	}
	if how, news := n.nodes.up(id, string(info.Address)); news {
		n.sayFound(id, how, string(info.Address))
	}
	n.setMembers(func(who *directory.Members) *directory.Members {
		return who.With(wire.NodeID(id), info.Epoch)
	})
}

// NodeDown learns that a node is gone. Membership remembers it, and looks for it by
// reach.
func (n *network) NodeDown(id transport.PeerID) {
	n.nodes.down(id)
	n.setMembers(func(who *directory.Members) *directory.Members {
		return who.Without(wire.NodeID(id))
	})
}
