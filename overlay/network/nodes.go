package network

import (
	"cmp"
	"context"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/project-iris/iris/overlay/membership"
	"github.com/project-iris/iris/overlay/peers"
	"github.com/project-iris/iris/overlay/roster"
	"github.com/project-iris/iris/overlay/sealed"
	"github.com/project-iris/iris/overlay/wire"
	"github.com/project-iris/iris/transport"
	"github.com/project-iris/iris/transport/choose"
)

// Node is another node of the network.
type Node struct {
	roster.Node
	// Link is where the link to it leads, Scheme its transport, and Version that of the
	// protocol which both nodes speak on it. They are empty while there is no link, and
	// Scheme also where the transport does not tell.
	Link    string
	Scheme  string
	Version uint16
}

// Nodes returns the other nodes of the network, in the order of their ids.
func (n *Network) Nodes() []Node {
	var all []Node
	for _, known := range n.roster.List() {
		node := Node{Node: known}
		if p := n.peers.Get(known.ID); p != nil {
			node.Link, node.Scheme, node.Version = p.Link().RemoteAddr(), choose.SchemeOf(p.Link()), p.Link().Version()
		}
		all = append(all, node)
	}
	slices.SortFunc(all, func(a, b Node) int { return cmp.Compare(a.ID.String(), b.ID.String()) })
	return all
}

// Knows reports whether a node is a member of the network, as far as this one knows.
func (n *Network) Knows(id transport.PeerID) bool { return n.roster.Has(id) }

// Others returns how many other nodes the network has.
func (n *Network) Others() int { return n.roster.Len() }

// Addresses returns where the others are, each a list as a transport dials it.
func (n *Network) Addresses() []string {
	var all []string
	for _, known := range n.roster.List() {
		all = append(all, known.Addr)
	}
	return all
}

// Want asks for a link to a member, see [peers.Peers.Want].
func (n *Network) Want(id transport.PeerID) { _ = n.peers.Want(id) }

// Connect returns the link to a member, see [peers.Peers.Connect].
func (n *Network) Connect(ctx context.Context, id transport.PeerID, patience time.Duration) (*peers.Peer, error) {
	return n.peers.Connect(ctx, id, patience)
}

// NeedsLink reports whether membership talks to a node over the link to it, as packets do not
// go beside it.
func (n *Network) NeedsLink(id transport.PeerID) bool { return !n.packets.carries(id) }

// Reachable reports whether there is a link to a member, or one can be made as far as is known.
func (n *Network) Reachable(id transport.PeerID) bool { return n.peers.Reachable(id) }

// Link returns the link to a node, nil if there is none.
func (n *Network) Link(id transport.PeerID) *peers.Peer { return n.peers.Get(id) }

// Changed returns a channel that is closed when nodes have come or gone since the call.
func (n *Network) Changed() <-chan struct{} { return n.roster.Changed() }

// Expect notes how a node was found that is no member yet. It may become one by a link
// that it makes itself.
func (n *Network) Expect(id transport.PeerID, how string) { n.roster.Expect(id, how) }

// Reach makes a link to the node at an address, which makes it a member, and notes how
// it was found. A zero id is any node. If there is a link to the node already it goes on,
// and how it was found stays. Reach returns the node that is there, and the errors of
// [peers.Peers.Dial].
func (n *Network) Reach(ctx context.Context, addr string, id transport.PeerID, how string) (transport.PeerID, error) {
	begin := time.Now()
	p, err := n.peers.Dial(ctx, addr, id)
	if err != nil {
		return transport.PeerID{}, err
	}
	if n.roster.Found(p.ID(), how, begin) {
		n.sayFound(p.ID(), how, p.Link().RemoteAddr())
	}
	return p.ID(), nil
}

func (n *Network) sayFound(id transport.PeerID, how, addr string) {
	n.log.Info("node is found", "peer", id.Short(), "how", how, "addr", beginning(addr))
}

// maxSaid is how much of the addresses of a node the log has, in bytes.
const maxSaid = 200

// beginning returns the first addresses of a list.
func beginning(list string) string {
	if len(list) <= maxSaid {
		return list
	}
	cut := max(0, strings.LastIndexByte(list[:maxSaid], ','))
	return list[:cut] + ",…"
}

// Move tells the other nodes that this one is at another address now, in the form of
// Config.Address. It waits for half a second at most.
func (n *Network) Move(addr string) error { return n.members.Tell(n.info(addr)) }

// info is what this node tells about itself.
func (n *Network) info(addr string) []byte {
	info := wire.Info{Epoch: n.epoch}
	if left := roster.PutAddresses(&info, addr, membership.MaxMeta); left > 0 {
		n.log.Info("some addresses of this node do not fit what others are told", "left_out", left, "addr", beginning(roster.AddressesOf(&info)))
	}
	return info.Append(nil)
}

// Seen returns the IP addresses that other nodes see this one at, see [roster.Roster.Seen].
func (n *Network) Seen() []netip.Addr { return n.roster.Seen() }

// Told takes where a node says that it sees this one.
func (n *Network) Told(by *peers.Peer, seen *wire.Seen) { n.roster.See(by.ID(), seen) }

// MembershipDropped returns how many packets and streams of membership were malformed or too
// many.
func (n *Network) MembershipDropped() uint64 { return n.members.Dropped() }

// Sealed returns what came of the packets beside the links. It is zero where there are none.
func (n *Network) Sealed() sealed.Stats {
	if n.packets == nil {
		return sealed.Stats{}
	}
	return n.packets.box.Stats()
}
