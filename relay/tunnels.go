package relay

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/project-iris/iris/relay/policy"
	"github.com/project-iris/iris/relay/wire"
	"github.com/project-iris/iris/transport/outbox"
)

var (
	errTunnelID       = errors.New("tunnel id is in use")
	errTooManyTunnels = errors.New("application has too many tunnels")
	errLeft           = errors.New("application has left its cluster")
)

// Reasons that an application gets for a tunnel that did not end cleanly, besides
// those of what a sender got wrong.
const (
	reasonLate   = "tunnel was confirmed too late"
	reasonBroken = "tunnel was broken"
)

// tunnels are those of one application.
type tunnels struct {
	session *session

	mu      sync.Mutex
	open    map[uint64]*tunnel  // by the application's id; nil while its TUN_INIT is not answered
	offers  map[uint64]*offer   // by build id: TUN_INITs to the application that it has not confirmed
	late    map[uint64]struct{} // build ids of offers that were taken back, and not confirmed since
	builds  uint64              // build ids used
	refused bool                // no more tunnels: the session ends
	left    bool                // no more offers: the application has left its cluster
}

// offer is a tunnel that the application was offered.
type offer struct {
	conn    Stream
	verdict chan error // nil when the application has confirmed; holds one
}

func (ts *tunnels) init(s *session) { ts.session = s }

// full reports whether there can be no more tunnels. The lock is held.
func (ts *tunnels) full() bool {
	return len(ts.open)+len(ts.offers) >= ts.session.relay.config.Tunnels
}

// takeMemory takes what a tunnel needs. A refusal is in the log.
func (ts *tunnels) takeMemory() error {
	err := ts.session.memory.Holder.Take(tunnelMemory)
	if err != nil {
		ts.session.relay.warn(ts.session.log, "tunnel of an application is refused", "err", err.Error())
	}
	return err
}

// put records a tunnel, or with nil that its id is taken. The lock is held.
func (ts *tunnels) put(id uint64, t *tunnel) {
	if ts.open == nil {
		ts.open = make(map[uint64]*tunnel)
	}
	ts.open[id] = t
}

// get returns an open tunnel, or nil.
func (ts *tunnels) get(id uint64) *tunnel {
	ts.mu.Lock()
	defer ts.mu.Unlock()
	return ts.open[id]
}

// remove forgets a tunnel, and reports whether it was there: the one who removed it
// tells the application, so that it hears exactly one TUN_CLOSE.
func (ts *tunnels) remove(t *tunnel) bool {
	ts.mu.Lock()
	defer ts.mu.Unlock()
	if ts.open[t.id] != t {
		return false
	}
	delete(ts.open, t.id)
	return true
}

// dial handles the application's TUN_INIT.
func (ts *tunnels) dial(m *wire.TunInit) error {
	ts.mu.Lock()
	if _, taken := ts.open[m.ID]; taken {
		ts.mu.Unlock()
		return &wire.ViolationError{Op: m.Op(), Err: errTunnelID}
	}
	full := ts.full() || ts.takeMemory() != nil
	if !full {
		ts.put(m.ID, nil)
	}
	ts.mu.Unlock()

	if full {
		ts.session.relay.counters.tunnelsRefused.Add(1)
		ts.session.tunnelFailed(m.ID)
		return nil
	}
	id, cluster, timeout := m.ID, bytes.Clone(m.Cluster), duration(m.Timeout)
	if ts.session.access.take(policy.Tunnel, cluster, id, nil) != nil {
		ts.session.relay.counters.tunnelsForbidden.Add(1)
		ts.notBuilt(id, cluster)
		return nil
	}
	ts.session.helpers.Go(func() { ts.build(id, cluster, timeout) })
	return nil
}

// build opens a tunnel for the application and answers its TUN_INIT.
func (ts *tunnels) build(id uint64, cluster []byte, timeout time.Duration) {
	s := ts.session
	held := s.access.holds(policy.Tunnel, string(cluster), id)
	conn, err := s.dialTunnel(cluster, timeout)
	if err == nil && held && !s.access.holds(policy.Tunnel, string(cluster), id) {
		conn.Close()
		err = errExpelled
	}
	if err != nil {
		s.log.Debug("tunnel was not built", "target", printable(cluster), "err", err.Error())
		ts.notBuilt(id, cluster)
		return
	}
	t := newTunnel(s, id, conn)
	t.dialled = cluster
	ts.mu.Lock()
	if ts.refused {
		ts.mu.Unlock()
		conn.Close()
		ts.notBuilt(id, cluster)
		return
	}
	ts.put(id, t)
	t.announce(&wire.TunResult{ID: id, ChunkLimit: chunkLimit})
	ts.mu.Unlock()
	t.start()
	if held && !s.access.holds(policy.Tunnel, string(cluster), id) {
		t.close(reasonForbidden) // in the meantime
	}
}

// notBuilt gives back what dial has taken, and answers the TUN_INIT.
func (ts *tunnels) notBuilt(id uint64, cluster []byte) {
	s := ts.session
	s.access.release(policy.Tunnel, cluster, id)
	ts.mu.Lock()
	delete(ts.open, id)
	ts.mu.Unlock()
	s.memory.Give(tunnelMemory)
	s.tunnelFailed(id)
}

func (s *session) dialTunnel(cluster []byte, timeout time.Duration) (Stream, error) {
	if timeout <= 0 {
		return nil, context.DeadlineExceeded
	}
	ctx, cancel := context.WithTimeout(s.ctx, timeout)
	defer cancel()
	return s.member.Tunnel(ctx, cluster)
}

// tunnelFailed answers a TUN_INIT: there is no tunnel.
func (s *session) tunnelFailed(id uint64) {
	m := wire.TunResult{ID: id, TimedOut: true}
	if b, err := s.out.Prompt.BeginOver(m.Size()); err == nil {
		s.out.Commit(m.Append(b))
	}
}

// HandleTunnel offers a tunnel to the application and waits until it confirms.
func (s *session) HandleTunnel(ctx context.Context, conn Stream) error {
	build, o, err := s.tunnels.offer(conn)
	if err != nil {
		return err
	}
	select {
	case err := <-o.verdict:
		return err
	case <-ctx.Done():
		err = ctx.Err()
	case <-s.ctx.Done():
		err = context.Cause(s.ctx)
	}
	if !s.tunnels.withdraw(build) {
		return <-o.verdict // it has just come
	}
	return fmt.Errorf("tunnel was not confirmed: %w", err)
}

// offer sends the application a TUN_INIT.
func (ts *tunnels) offer(conn Stream) (uint64, *offer, error) {
	ts.mu.Lock()
	defer ts.mu.Unlock()
	if ts.refused {
		return 0, nil, errGone
	}
	if ts.left {
		return 0, nil, errLeft
	}
	refused := &ts.session.relay.counters.tunnelsRefused
	if ts.full() {
		refused.Add(1)
		return 0, nil, errTooManyTunnels
	}
	if err := ts.takeMemory(); err != nil {
		refused.Add(1)
		return 0, nil, err
	}
	m := wire.TunOffer{BuildID: ts.builds, ChunkLimit: chunkLimit}
	b, err := ts.session.out.Prompt.Begin(m.Size())
	if err != nil {
		ts.session.memory.Give(tunnelMemory)
		if errors.Is(err, outbox.ErrFull) || outOfMemory(err) {
			refused.Add(1)
			ts.session.relay.warn(ts.session.log, "tunnel of an application is refused", "err", err.Error())
		}
		return 0, nil, err
	}
	ts.session.out.Commit(m.Append(b))
	o := &offer{conn: conn, verdict: make(chan error, 1)}
	if ts.offers == nil {
		ts.offers = make(map[uint64]*offer)
	}
	ts.offers[ts.builds] = o
	ts.builds++
	return m.BuildID, o, nil
}

// withdraw takes an offer back, and reports whether it still stood.
func (ts *tunnels) withdraw(build uint64) bool {
	ts.mu.Lock()
	defer ts.mu.Unlock()
	_, ok := ts.offers[build]
	if ok {
		ts.takeBack(build)
	}
	return ok
}

// takeBack takes an offer back, which the application may still confirm, once. The lock is held.
func (ts *tunnels) takeBack(build uint64) {
	ts.session.memory.Give(tunnelMemory)
	delete(ts.offers, build)
	if ts.late == nil {
		ts.late = make(map[uint64]struct{})
	}
	if len(ts.late) >= ts.session.relay.config.Tunnels {
		for forgotten := range ts.late {
			delete(ts.late, forgotten)
			break
		}
	}
	ts.late[build] = struct{}{}
}

// confirm handles the application's answer to an offer. The tunnel is there when
// the next frame is read, which is usually its first allowance.
func (ts *tunnels) confirm(m *wire.TunConfirm) error {
	if m.BuildID == wire.BuildLeave {
		return ts.leave(m)
	}
	ts.mu.Lock()
	o := ts.offers[m.BuildID]
	_, taken := ts.open[m.ID]
	if o == nil {
		_, late := ts.late[m.BuildID]
		late = late && !taken
		delete(ts.late, m.BuildID)
		ts.mu.Unlock()
		if late {
			ts.session.tunnelClosed(m.ID, reasonLate)
		}
		return nil
	}
	if taken {
		ts.mu.Unlock()
		return &wire.ViolationError{Op: m.Op(), Err: errTunnelID}
	}
	delete(ts.offers, m.BuildID)
	t := newTunnel(ts.session, m.ID, o.conn)
	ts.put(m.ID, t)
	t.announce(nil)
	ts.mu.Unlock()
	t.start()
	o.verdict <- nil
	return nil
}

// leave takes the application out of its cluster and tells it so. What it was offered
// before it may still confirm.
func (ts *tunnels) leave(m *wire.TunConfirm) error {
	ts.session.member.Withdraw()
	ts.session.access.leave()
	ts.mu.Lock()
	defer ts.mu.Unlock()
	if _, taken := ts.open[m.ID]; taken {
		return &wire.ViolationError{Op: m.Op(), Err: errTunnelID}
	}
	ts.left = true
	ts.session.out.Order() // the answer goes behind the requests that it was given
	ts.session.tunnelClosed(m.ID, "")
	return nil
}

// tunnelClosed sends a TUN_CLOSE, behind what the tunnel has brought.
func (s *session) tunnelClosed(id uint64, reason string) {
	m := wire.TunClosed{ID: id, Reason: []byte(reason)}
	if b, err := s.out.Bulk.BeginOver(m.Size()); err == nil {
		s.out.Commit(m.Append(b))
	}
}

// transfer handles a chunk from the application.
func (ts *tunnels) transfer(m *wire.TunTransfer) {
	if t := ts.get(m.ID); t != nil {
		t.transfer(m.Total, m.Chunk)
	}
}

// allow handles an allowance from the application.
func (ts *tunnels) allow(m *wire.TunAllow) {
	if t := ts.get(m.ID); t != nil {
		t.allow(m.Bytes)
	}
}

// close handles the application's TUN_CLOSE.
func (ts *tunnels) close(m *wire.TunClose) {
	if t := ts.get(m.ID); t != nil {
		t.close("")
	}
}

// endAll closes all tunnels, cleanly if the cause is nil, and refuses new ones: those
// that are offered go to another member, as nobody can confirm them any more.
func (ts *tunnels) endAll(cause error) {
	reason := ""
	if cause != nil {
		reason = cause.Error()
	}
	ts.mu.Lock()
	ts.refused = true
	open := make([]*tunnel, 0, len(ts.open))
	for _, t := range ts.open {
		if t != nil {
			open = append(open, t)
		}
	}
	for build, o := range ts.offers {
		ts.takeBack(build)
		o.verdict <- errGone
	}
	ts.mu.Unlock()
	for _, t := range open {
		t.close(reason)
	}
}
