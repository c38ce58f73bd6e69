package overlay

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
	"github.com/project-iris/iris/overlay/wire"
	"github.com/project-iris/iris/transport"
	"github.com/project-iris/iris/transport/choose"
)

// How a node was found, where nobody has said it by [Overlay.Reach].
const (
	FoundByJoin    = roster.ByJoin
	FoundByMembers = roster.ByMembers
	FoundByItself  = roster.ByItself
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
func (o *Overlay) Nodes() []Node {
	if o.net == nil {
		return nil
	}
	var all []Node
	for _, n := range o.net.roster.List() {
		all = append(all, Node{Node: n})
	}
	for i := range all {
		if p := o.net.peers.Get(all[i].ID); p != nil {
			all[i].Link = p.Link().RemoteAddr()
			all[i].Scheme = choose.SchemeOf(p.Link())
			all[i].Version = p.Link().Version()
		}
	}
	slices.SortFunc(all, func(a, b Node) int { return cmp.Compare(a.ID.String(), b.ID.String()) })
	return all
}

// Knows reports whether a node is a member of the network, as far as this one knows.
func (o *Overlay) Knows(id transport.PeerID) bool { return o.net != nil && o.net.roster.Has(id) }

// Others returns how many other nodes the network has.
func (o *Overlay) Others() int {
	if o.net == nil {
		return 0
	}
	return o.net.roster.Len()
}

// Changed returns a channel that is closed when nodes have come or gone since the call.
func (o *Overlay) Changed() <-chan struct{} {
	if o.net == nil {
		return nil
	}
	return o.net.roster.Changed()
}

// Expect notes how a node was found that is no member yet. It may become one by a link
// that it makes itself.
func (o *Overlay) Expect(id transport.PeerID, how string) {
	if o.net != nil {
		o.net.roster.Expect(id, how)
	}
}

// Reach makes a link to the node at an address, which makes it a member, and notes how
// it was found. A zero id is any node. If there is a link to the node already it goes on,
// and how it was found stays. Reach returns the node that is there, and the errors of
// [peers.Peers.Dial].
func (o *Overlay) Reach(ctx context.Context, addr string, id transport.PeerID, how string) (transport.PeerID, error) {
	if o.net == nil {
		return transport.PeerID{}, peers.ErrClosed
	}
	return o.net.find(ctx, addr, id, how)
}

// find is Reach.
func (n *network) find(ctx context.Context, addr string, id transport.PeerID, how string) (transport.PeerID, error) {
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

func (n *network) sayFound(id transport.PeerID, how, addr string) {
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
// [Network.Address]. It waits for half a second at most.
func (o *Overlay) Move(addr string) error {
	if o.net == nil {
		return nil
	}
	return o.net.members.Tell(o.net.info(addr))
}

// info is what this node tells about itself.
func (n *network) info(addr string) []byte {
	info := wire.Info{Epoch: n.epoch}
	if left := roster.PutAddresses(&info, addr, membership.MaxMeta); left > 0 {
		n.log.Info("some addresses of this node do not fit what others are told", "left_out", left, "addr", beginning(roster.AddressesOf(&info)))
	}
	return info.Append(nil)
}

// Seen returns the IP addresses that other nodes see this one at, see [roster.Roster.Seen].
func (o *Overlay) Seen() []netip.Addr {
	if o.net == nil {
		return nil
	}
	return o.net.roster.Seen()
}
