// Package network is the other nodes of a network and the links to them: it joins the links
// of package peers, the list that membership keeps, and the roster of what is known of each
// node, and tells a [Handler] what comes of it. What is said over the links is no matter of
// this package.
//
// Packets of membership travel beside the links where the transport carries packets, sealed
// by package sealed, and over links where it does not, which are then made.
//
// # Locks
//
// It has none of its own. Those of membership are held while it calls the roster and
// [Handler.Changed].
package network

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/project-iris/iris/overlay/directory"
	"github.com/project-iris/iris/overlay/membership"
	"github.com/project-iris/iris/overlay/peers"
	"github.com/project-iris/iris/overlay/roster"
	"github.com/project-iris/iris/overlay/sealed"
	"github.com/project-iris/iris/transport"
	"github.com/project-iris/iris/transport/refusal"
)

// Config configures a [Network]. Self, Transport, Handler and Logger are required.
type Config struct {
	// Self is this node.
	Self transport.PeerID
	// Transport makes links. It is not closed.
	Transport transport.Transport
	// Listener accepts links; Close closes it. Nil: this node only dials.
	Listener transport.Listener
	// Address is where others reach this node, as their transports understand it.
	Address string
	// PacketSecrets are what packets beside the links are sealed with, see [sealed.Config].
	// Default: there are none.
	PacketSecrets [][32]byte
	// Accepts is that of [peers.Config].
	Accepts func(key string) bool
	// Contested is called, once, when another node has the id of this one, which is of no
	// more use then. It must not block. Default: nothing is done.
	Contested func(peers.Contest)
	// Handler is told what happens.
	Handler Handler
	// Logger gets what operators need to know.
	Logger *slog.Logger
}

// Handler is told of links and members. Its methods must not block, but for Stream.
type Handler interface {
	// LinkUp, LinkDown and Stream are those of [peers.Handler]. Streams of membership are
	// not among them.
	LinkUp(p *peers.Peer)
	LinkDown(p *peers.Peer, cause error)
	Stream(p *peers.Peer, kind peers.Kind, s transport.Stream)
	// Changed says that [Network.Members] returns others than before. Locks of membership are
	// held: it must call nothing that tells or leaves.
	Changed()
}

// Network is the other nodes of a network. Its methods are safe for concurrent use.
type Network struct {
	config  Config
	epoch   uint64 // of this node
	log     *slog.Logger
	peers   *peers.Peers
	members *membership.Membership
	roster  *roster.Roster
	packets *packets         // nil: there are none beside the links
	ignored refusal.Throttle // of lines about members that cannot be read
	ctx     context.Context  // ends with Close
	cancel  context.CancelFunc
	work    sync.WaitGroup // all goroutines of its own
}

// New returns a network in which nothing happens before Start.
func New(config Config) *Network {
	n := &Network{config: config, epoch: uint64(time.Now().UnixNano()), log: config.Logger}
	n.ctx, n.cancel = context.WithCancel(context.Background())
	n.peers = peers.New(peers.Config{
		Self: config.Self, Transport: config.Transport, Handler: carrier{n}, Contested: config.Contested, Accepts: config.Accepts, Logger: config.Logger,
	})
	n.roster = roster.New(directory.Member{ID: config.Self, Epoch: n.epoch}, n.peers)
	return n
}

// Start begins to keep the list of members, and to accept links. It is called once. After an
// error the network has to be closed as well.
func (n *Network) Start() error {
	var err error
	n.packets, err = newPackets(n.config.Transport, sealed.Config{Self: n.config.Self, Epoch: n.epoch, Secrets: n.config.PacketSecrets})
	if err != nil {
		return err
	}
	members, err := membership.New(membership.Config{
		Self: n.config.Self, Meta: n.info(n.config.Address), Carrier: carrier{n}, Handler: hearer{n}, Received: n.received, Reach: n.reach, Logger: n.log,
	})
	if err != nil {
		return err
	}
	n.members = members
	if n.packets != nil {
		n.work.Go(func() { n.packets.receive(n.ctx, n.roster.Has, members.HandlePacket) })
	}
	if n.config.Listener != nil {
		n.work.Go(func() { n.peers.Serve(n.config.Listener) })
	}
	return nil
}

// Leave tells the others that this node goes. Links stay.
func (n *Network) Leave() {
	if n.members != nil {
		n.members.Leave()
	}
}

// Close ends all links in good order, and returns when all goroutines have ended. The
// handler is not called afterwards.
func (n *Network) Close() {
	if n.members != nil {
		n.members.Close()
	}
	n.peers.Close(nil)
	n.cancel()
	n.work.Wait()
}

// Self returns this node.
func (n *Network) Self() transport.PeerID { return n.config.Self }

// Epoch returns a number that grows with each start of this node.
func (n *Network) Epoch() uint64 { return n.epoch }

// Members returns who is in the network, this node included.
func (n *Network) Members() *directory.Members { return n.roster.Members() }

// Outdated returns the nodes with links that were made by network keys which are not accepted any
// more, see [peers.Peers.Outdated].
func (n *Network) Outdated() []transport.PeerID { return n.peers.Outdated() }

// Proved notes that a node has proved itself by another network key, see [peers.Peers.Proved].
func (n *Network) Proved(id transport.PeerID, key string) { n.peers.Proved(id, key) }

// Disown returns the links of a node that are to end for the keys that they were made by.
func (n *Network) Disown(id transport.PeerID) ([]*peers.Peer, string) { return n.peers.Disown(id) }

// Disowned returns how many such links have ended, or were not used.
func (n *Network) Disowned() uint64 { return n.peers.Disowned() }

// OpenBulk opens a stream for much data, see [peers.Peers.OpenBulk].
func (n *Network) OpenBulk(ctx context.Context, p *peers.Peer, kind peers.Kind) (transport.Stream, error) {
	return n.peers.OpenBulk(ctx, p, kind)
}
