package member

import (
	"context"
	"errors"
	"sync"

	"github.com/project-iris/iris/overlay/lookup"
	"github.com/project-iris/iris/overlay/names"
	"github.com/project-iris/iris/overlay/remote"
	"github.com/project-iris/iris/overlay/tunnel"
	"github.com/project-iris/iris/overlay/wire"
	"github.com/project-iris/iris/transport/budget"
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
			m.members.counters.tunnels.Add(1)
		case errors.Is(err, ErrNoMember):
			m.members.counters.tunnelsUnfit.Add(1)
		}
	}()
	for !refused.Full() {
		to, err := m.members.lookup.Pick(ctx, local{m}, cluster, &refused, m.members.refusal)
		switch {
		case errors.Is(err, lookup.ErrRefused):
			if errors.Is(err, budget.ErrRefused) {
				m.handler.HandleLimit(err)
			}
			return nil, errors.Join(ErrNoMember, last)
		case err != nil:
			return nil, errors.Join(err, last)
		}
		var near Stream
		if near, last = m.openTunnel(ctx, cluster, to); last == nil {
			return near, nil
		}
		if errors.Is(last, budget.ErrPart) {
			m.members.counters.partsMet.Add(1)
			m.handler.HandleLimit(last)
		}
		if !errors.Is(last, errLeft) && !errors.Is(last, remote.ErrLost) {
			refused.Add(to, !errors.Is(last, tunnel.ErrNoMember))
		}
	}
	return nil, errors.Join(ErrNoMember, last)
}

// openTunnel opens a tunnel to a target that was picked for it.
func (m *Member) openTunnel(ctx context.Context, cluster []byte, to names.Target) (Stream, error) {
	if to.Member != nil {
		return to.Member.(local).tunnel(ctx, local{m})
	}
	r := m.members.links.To(to.Node)
	if r == nil {
		return nil, errLeft
	}
	end, err := r.Tunnel(ctx, local{m}, cluster, to.Gauge)
	if err != nil {
		return nil, err
	}
	return end, nil
}

// tunnel opens a tunnel to this member, for which it was picked.
func (m *Member) tunnel(ctx context.Context, from origin) (Stream, error) {
	if err := m.taken.Take(from); err != nil {
		m.unload()
		return nil, err
	}
	near, far := tunnel.Pipe(func() {
		m.unload()
		m.taken.Give(from)
	})
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

// ServeTunnel offers a tunnel of another node to members of this one, one after the other.
func (ms *Members) ServeTunnel(ctx context.Context, from *remote.Remote, cluster []byte, end *tunnel.End) wire.Verdict {
	refused := names.Refusals{Anyway: true}
	for !refused.Full() {
		to, _ := ms.lookup.PickHere(cluster, &refused)
		if to.Member == nil {
			break
		}
		m := to.Member.(local)
		if m.taken.Take(from) != nil {
			m.unload()
			ms.counters.partsMet.Add(1)
			refused.Add(to, true)
			continue
		}
		closed := sync.OnceFunc(func() {
			m.unload()
			m.taken.Give(from)
		})
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
