package overlay

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/project-iris/iris/overlay/balance"
	"github.com/project-iris/iris/overlay/lookup"
	"github.com/project-iris/iris/overlay/names"
	"github.com/project-iris/iris/overlay/peers"
	"github.com/project-iris/iris/overlay/remote"
	"github.com/project-iris/iris/overlay/tunnel"
	"github.com/project-iris/iris/overlay/wire"
	"github.com/project-iris/iris/transport"
)

// Stream is one end of a tunnel, see [tunnel.Stream].
type Stream = tunnel.Stream

// Tunnel opens a stream of bytes to one member of a cluster, on this node or another,
// and waits for a member if there is none.
//
// It fails when the context ends, with [ErrDraining], or with [ErrNoMember] when
// all members that were asked refused.
func (m *Member) Tunnel(ctx context.Context, cluster []byte) (_ Stream, err error) {
	refused := names.Refusals{Anyway: true}
	var last error
	defer func() {
		switch {
		case err == nil:
			m.overlay.counters.tunnels.Add(1)
		case errors.Is(err, ErrNoMember):
			m.overlay.counters.tunnelsUnfit.Add(1)
		}
	}()
	for !refused.Full() {
		to, err := m.overlay.lookup.Pick(ctx, local{m}, cluster, &refused, m.overlay.refusal)
		switch {
		case errors.Is(err, lookup.ErrRefused):
			return nil, errors.Join(ErrNoMember, last)
		case err != nil:
			return nil, errors.Join(err, last)
		}
		var near Stream
		if near, last = m.overlay.openTunnel(ctx, cluster, to); last == nil {
			return near, nil
		}
		if !errors.Is(last, errLeft) {
			refused.Add(to, !errors.Is(last, tunnel.ErrNoMember))
		}
	}
	return nil, errors.Join(ErrNoMember, last)
}

// openTunnel opens a tunnel to a target that was picked for it.
func (o *Overlay) openTunnel(ctx context.Context, cluster []byte, to names.Target) (Stream, error) {
	if to.Member != nil {
		return to.Member.(local).tunnel(ctx)
	}
	r := o.links.To(to.Node)
	if r == nil {
		return nil, errLeft
	}
	return o.net.tunnel(ctx, r, cluster, to.Gauge)
}

// tunnel opens a tunnel to this member, for which it was picked.
func (m *Member) tunnel(ctx context.Context) (Stream, error) {
	near, far := tunnel.Pipe(m.unload)
	if err := m.offer(ctx, far); err != nil {
		near.Close()
		far.Close()
		return nil, err
	}
	return near, nil
}

// offer hands a tunnel to this member, for which it was picked.
func (m *Member) offer(ctx context.Context, conn Stream) error {
	if m.left.Load() || m.closed.Load() {
		return errLeft
	}
	return m.handler.HandleTunnel(ctx, conn)
}

// tunnel opens a tunnel to a member of another node, which was picked for it. From the pick to
// the close it counts as load of the node, as a request does.
func (c *connection) tunnel(ctx context.Context, r *remote.Remote, cluster []byte, g *balance.Gauge) (Stream, error) {
	g.Begin()
	end, err := c.openTunnel(ctx, r, cluster, g)
	switch {
	case errors.Is(err, tunnel.ErrRefused):
		g.Refused(time.Now(), 0)
	case err != nil:
		g.Drop()
	default:
		return end, nil
	}
	return nil, err
}

// openTunnel is tunnel without the load, which the end gives back when it is closed.
func (c *connection) openTunnel(ctx context.Context, r *remote.Remote, cluster []byte, g *balance.Gauge) (*tunnel.End, error) {
	s, err := c.OpenBulk(ctx, r.Peer(), peers.KindTunnel)
	if err != nil {
		if r.Ended() {
			err = errLeft
		}
		return nil, err
	}
	r.Hold()
	end, err := tunnel.Open(ctx, s, cluster, &c.farewells, func() {
		g.Drop()
		r.Release()
	})
	if err != nil {
		r.Release()
	}
	return end, err
}

// takeTunnel offers a tunnel of another node to members of this one, and returns when it
// has ended.
func (o *Overlay) takeTunnel(r *remote.Remote, s transport.Stream) {
	r.Hold()
	defer r.Release()
	tunnel.Accept(r.Context(), s, &o.net.farewells, o.offerTunnel)
}

// offerTunnel offers a tunnel to members of this node, one after the other.
func (o *Overlay) offerTunnel(ctx context.Context, cluster []byte, end *tunnel.End) wire.Verdict {
	refused := names.Refusals{Anyway: true}
	for !refused.Full() {
		to, _ := o.lookup.PickHere(cluster, &refused)
		if to.Member == nil {
			break
		}
		m := to.Member.(local)
		closed := sync.OnceFunc(m.unload)
		end.OnClose(closed)
		err := m.offer(ctx, end)
		if err == nil {
			return wire.VerdictTaken
		}
		closed()
		if !errors.Is(err, errLeft) {
			refused.Add(to, true)
		}
	}
	if refused.Busy() {
		return wire.VerdictRefused
	}
	return wire.VerdictNoMember
}
