package remote

import (
	"context"
	"errors"
	"time"

	"github.com/project-iris/iris/overlay/balance"
	"github.com/project-iris/iris/overlay/peers"
	"github.com/project-iris/iris/overlay/tunnel"
	"github.com/project-iris/iris/overlay/wire"
	"github.com/project-iris/iris/transport"
)

// Tunnel opens a tunnel of a member to a member of this node, which was picked for it. From the
// pick to the close it counts as load of the node, as a request does. It fails with [ErrLost],
// [tunnel.ErrNoMember], [tunnel.ErrRefused], and when the member has its part of the tunnels to
// this node, or there are too many.
func (r *Remote) Tunnel(ctx context.Context, from Caller, cluster []byte, g *balance.Gauge) (*tunnel.End, error) {
	if err := r.dug.Take(from); err != nil {
		return nil, err
	}
	g.Begin()
	end, err := r.openTunnel(ctx, cluster, func() {
		g.Drop()
		r.dug.Give(from)
	})
	if err != nil {
		r.dug.Give(from)
	}
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

// openTunnel is Tunnel without the load, which the end gives back when it is closed.
func (r *Remote) openTunnel(ctx context.Context, cluster []byte, closed func()) (*tunnel.End, error) {
	s, err := r.config.OpenBulk(ctx, r.Peer(), peers.KindTunnel)
	if err != nil {
		if r.Ended() {
			err = ErrLost
		}
		return nil, err
	}
	r.Hold()
	end, err := tunnel.Open(ctx, s, cluster, r.config.Farewells, func() {
		closed()
		r.Release()
	})
	if err != nil {
		r.Release()
	}
	return end, err
}

// ServeTunnel offers a tunnel that the node opens by a stream to members of this one, and
// returns when it has ended.
func (r *Remote) ServeTunnel(s transport.Stream) {
	r.Hold()
	defer r.Release()
	tunnel.Accept(r.Context(), s, r.config.Farewells, func(ctx context.Context, cluster []byte, end *tunnel.End) wire.Verdict {
		return r.config.Host.ServeTunnel(ctx, r, cluster, end)
	})
}
