package client

import (
	"context"
	"io"
	"maps"
	"slices"
	"sync"

	"github.com/project-iris/iris/relay/wire"
)

// tunnels knows the tunnels of a connection, from the first frame about them to the
// last. Its lock is never held together with a tunnel's.
type tunnels struct {
	mu      sync.Mutex
	next    uint64 // id of the next tunnel, opened or accepted; never used again
	byID    map[uint64]*Tunnel
	handled int           // accepted tunnels that the service has
	idle    chan struct{} // closed when handled falls to 0; nil while nobody waits
	err     error         // why no more are taken
}

// add makes a tunnel under a fresh id.
func (ts *tunnels) add(a *attachment) (*Tunnel, error) {
	ts.mu.Lock()
	defer ts.mu.Unlock()
	if ts.err != nil {
		return nil, notSent(ts.err)
	}
	t := newTunnel(a, ts.next)
	ts.next++
	ts.byID[t.id] = t
	return t, nil
}

// get returns a tunnel; nil if it is unknown.
func (ts *tunnels) get(id uint64) *Tunnel {
	ts.mu.Lock()
	defer ts.mu.Unlock()
	return ts.byID[id]
}

// remove takes a tunnel out and returns it; nil if it is unknown.
func (ts *tunnels) remove(id uint64) *Tunnel {
	ts.mu.Lock()
	defer ts.mu.Unlock()
	t := ts.byID[id]
	delete(ts.byID, id)
	return t
}

// enter counts a tunnel that the service gets. It returns false if it has as many as
// it may.
func (ts *tunnels) enter(limit int) bool {
	ts.mu.Lock()
	defer ts.mu.Unlock()
	if ts.handled >= limit {
		return false
	}
	ts.handled++
	return true
}

func (ts *tunnels) exit() {
	ts.mu.Lock()
	defer ts.mu.Unlock()
	ts.handled--
	if ts.handled == 0 && ts.idle != nil {
		close(ts.idle)
		ts.idle = nil
	}
}

// waitIdle waits until the service has no tunnel.
func (ts *tunnels) waitIdle(ctx context.Context) error {
	ts.mu.Lock()
	if ts.handled == 0 {
		ts.mu.Unlock()
		return nil
	}
	if ts.idle == nil {
		ts.idle = make(chan struct{})
	}
	idle := ts.idle
	ts.mu.Unlock()
	select {
	case <-idle:
		return nil
	case <-ctx.Done():
		return contextError(ctx)
	}
}

// accept takes tunnels again.
func (ts *tunnels) accept() {
	ts.mu.Lock()
	defer ts.mu.Unlock()
	ts.err = nil
}

// refuse takes no more tunnels and returns those there are.
func (ts *tunnels) refuse(err error) []*Tunnel {
	ts.mu.Lock()
	defer ts.mu.Unlock()
	ts.err = err
	return slices.Collect(maps.Values(ts.byID))
}

// fail ends all tunnels, because the connection has ended. If that was by Close, they
// were closed before.
func (ts *tunnels) fail(err error) {
	result := err
	if err == ErrClosed { // alone: it has no other cause
		result = nil
	}
	for _, t := range ts.refuse(err) {
		if ts.remove(t.id) != nil {
			t.leave(err, result)
		}
	}
}

// closeTunnels closes all tunnels without waiting for it.
func (c *Conn) closeTunnels() {
	for _, t := range c.tunnels.refuse(ErrClosed) {
		t.shut()
	}
}

// acceptTunnel takes an offer. One that it does not confirm costs that tunnel only:
// the node gives up on it.
func (a *attachment) acceptTunnel(m *wire.TunOffer) {
	if m.ChunkLimit == 0 || m.ChunkLimit >= maxChunkLimit {
		a.refuseTunnel("chunk limit is out of range")
		return
	}
	t, err := a.tunnels.add(a)
	if err != nil {
		return // the connection is closing
	}
	if !t.confirm(m) {
		a.tunnels.remove(t.id)
		a.refuseTunnel("no room to send")
		return
	}
	switch {
	case a.service.Tunnel == nil:
		t.shut()
	case !a.tunnels.enter(a.config.Tunnels):
		a.refuseTunnel("too many tunnels")
		t.shut()
	default:
		a.running.start(func() { a.serveTunnel(t) })
	}
}

func (c *Conn) refuseTunnel(reason string) {
	c.count(&c.counters.refusedTunnels, "tunnel refused", "reason", reason)
}

// confirm answers the offer and grants the first allowance, in one write. It
// returns false if there is no room for it.
func (t *Tunnel) confirm(m *wire.TunOffer) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.open(m.ChunkLimit)
	confirm := wire.TunConfirm{BuildID: m.BuildID, ID: t.id}
	allow := wire.TunAllow{ID: t.id, Bytes: uint64(t.assembly.owed)}
	b, err := t.conn.out.Prompt.Begin(confirm.Size() + allow.Size())
	if err != nil {
		return false
	}
	t.conn.out.Commit(allow.Append(confirm.Append(b)))
	t.conn.out.Order() // before any chunk
	t.assembly.granted()
	return true
}

// serveTunnel has the service use a tunnel.
func (c *Conn) serveTunnel(t *Tunnel) {
	defer c.tunnels.exit()
	c.service.Tunnel(t)
	if err := t.Close(); err != nil {
		c.log.Debug("tunnel not closed cleanly", "tunnel", t.id, "reason", err)
	}
}

// confirmTunnel takes the answer to TUN_INIT.
func (c *Conn) confirmTunnel(m *wire.TunResult) {
	t := c.tunnels.get(m.ID)
	if t != nil && !t.resolve(m) {
		c.tunnels.remove(m.ID)
	}
}

// resolve takes the answer to TUN_INIT, and returns false if the tunnel is over with
// that. One that nobody waits for any more is closed, as is one that cannot be used.
func (t *Tunnel) resolve(m *wire.TunResult) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	switch usable := m.ChunkLimit > 0 && m.ChunkLimit < maxChunkLimit; {
	case t.opened:
		return true // answered before
	case m.TimedOut:
		t.confirmed <- false
		return false
	case t.left:
		t.opened = true
		t.sendClose()
	case !usable:
		t.opened = true
		t.stop(&TunnelError{Reason: "the node's chunk limit is out of range"})
		t.sendClose()
	default:
		t.open(m.ChunkLimit)
		t.confirmed <- true
	}
	return true
}

// endTunnel takes TUN_CLOSE, as an answer or as a notice.
func (c *Conn) endTunnel(m *wire.TunClosed) {
	t := c.tunnels.remove(m.ID)
	switch {
	case t == nil:
	case len(m.Reason) > 0:
		err := &TunnelError{Reason: string(m.Reason)}
		t.leave(err, err)
	default:
		t.leave(io.EOF, nil)
	}
}

// allowTunnel lets a tunnel send more.
func (c *Conn) allowTunnel(m *wire.TunAllow) {
	if t := c.tunnels.get(m.ID); t != nil {
		t.allow(m.Bytes)
	}
}

// receiveChunk takes a part of a message. What the node must not send ends that
// tunnel only.
func (c *Conn) receiveChunk(m *wire.TunTransfer) {
	t := c.tunnels.get(m.ID)
	if t == nil {
		return
	}
	if err := t.receive(m.Total, m.Chunk); err != nil {
		c.log.Warn("tunnel ended", "tunnel", t.id, "reason", err)
	}
}
