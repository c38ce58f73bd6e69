package network

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"time"

	"github.com/project-iris/iris/overlay/peers"
	"github.com/project-iris/iris/overlay/roster"
	"github.com/project-iris/iris/overlay/wire"
	"github.com/project-iris/iris/transport"
	"github.com/project-iris/iris/transport/backoff"
)

// streamPatience is how long a dial may take that a stream of membership waits for.
const streamPatience = 5 * time.Second

// carrier is a network as its links and its membership see it: each carries what the other
// one says.
type carrier struct{ *Network }

// LinkUp takes a link into use.
func (c carrier) LinkUp(p *peers.Peer) {
	c.packets.linked(p.ID(), p.Link().RemoteAddr())
	c.config.Handler.LinkUp(p)
	c.log.Debug("link is up", "peer", p.ID().Short(), "addr", p.Link().RemoteAddr(), "version", p.Link().Version())
	if c.roster.Has(p.ID()) {
		return
	}
	c.work.Go(func() {
		merge(p.Context(), func() bool { return c.roster.Has(p.ID()) }, func() error {
			err := c.members.Join(p.ID())
			if err != nil {
				c.log.Debug("lists were not merged", "peer", p.ID().Short(), "err", err)
			}
			return err
		})
	})
}

// The waits between tries to merge lists with a node over a link, to which up to half as much
// is added.
const (
	mergeMin = time.Second
	mergeMax = 10 * time.Second
)

// merge merges the lists of this node and of another one, unless that is a member already. It
// tries again as long as the link between them lasts: a host with little time fails at first.
func merge(link context.Context, member func() bool, try func() error) {
	waits := backoff.Backoff{Least: mergeMin, Most: mergeMax}
	for link.Err() == nil && !member() && try() != nil {
		wait := waits.Next()
		timer := time.NewTimer(wait + rand.N(wait/2))
		select {
		case <-timer.C:
		case <-link.Done():
		}
		timer.Stop()
	}
}

// LinkDown gives up what was under way over a link.
func (c carrier) LinkDown(p *peers.Peer, cause error) {
	c.config.Handler.LinkDown(p, cause)
	level := slog.LevelInfo
	if peers.InGoodOrder(cause) {
		level = slog.LevelDebug
	}
	c.log.Log(context.Background(), level, "link is down", "peer", p.ID().Short(), "err", cause)
}

// Stream takes a stream of a peer.
func (c carrier) Stream(p *peers.Peer, kind peers.Kind, s transport.Stream) {
	if kind == peers.KindMembership {
		c.members.HandleStream(p.ID(), s)
	} else {
		c.config.Handler.Stream(p, kind, s)
	}
}

// Datagram takes a datagram of a peer.
func (c carrier) Datagram(p *peers.Peer, b []byte) { c.members.HandlePacket(p.ID(), b) }

// SendPacket sends a packet of the membership.
func (c carrier) SendPacket(to transport.PeerID, b []byte) {
	if c.packets.send(to, c.roster.Addr(to), b) {
		return
	}
	if p := c.peers.Get(to); p != nil {
		_ = p.SendDatagram(b) // best effort
		return
	}
	_ = c.peers.Want(to) // for the next one
}

// OpenStream opens a stream of the membership.
func (c carrier) OpenStream(ctx context.Context, to transport.PeerID) (transport.Stream, error) {
	c.packets.streamed(to)
	p, err := c.peers.Connect(ctx, to, streamPatience)
	if err != nil {
		return nil, err
	}
	return p.Open(ctx, peers.KindMembership)
}

// hearer is a network as its membership tells it of members.
type hearer struct{ *Network }

// NodeUp learns of a node.
func (h hearer) NodeUp(id transport.PeerID, meta []byte) {
	info, err := wire.ParseInfo(meta)
	if err != nil {
		if unlogged, say := h.ignored.Next(time.Now()); say {
			h.log.Warn("node is ignored: what it tells of itself cannot be read", "peer", id.Short(), "err", err, "unlogged", unlogged)
		}
		return
	}
	addr := roster.AddressesOf(info)
	if how, news := h.roster.Up(id, addr, info.Epoch); news {
		h.sayFound(id, how, addr)
	}
	h.config.Handler.Changed()
}

// errDead ends the link to a node that is taken for dead, which may be silent for long.
var errDead = &transport.ClosedError{Code: transport.CodeBusy, Reason: "the node is taken for dead"}

// NodeDown learns that a node is gone. Membership remembers it, and looks for it by reach.
func (h hearer) NodeDown(id transport.PeerID, silent bool) {
	h.roster.Down(id)
	h.packets.forget(id)
	if p := h.peers.Get(id); p != nil && silent {
		h.work.Go(func() { _ = p.Link().Close(errDead) })
	}
	h.config.Handler.Changed()
}

// received returns how many bytes have come from a node over the link to it.
func (n *Network) received(id transport.PeerID) uint64 {
	if p := n.peers.Get(id); p != nil {
		return p.Link().Stats().BytesReceived
	}
	return 0
}

// reach makes a link to a node that is believed to be dead.
func (n *Network) reach(ctx context.Context, id transport.PeerID, meta []byte) error {
	info, err := wire.ParseInfo(meta)
	if err != nil {
		return err
	}
	_, err = n.Reach(ctx, roster.AddressesOf(info), id, roster.ByMembers)
	return err
}
