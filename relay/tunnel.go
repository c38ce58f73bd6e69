package relay

import (
	"errors"
	"math"
	"sync"
	"sync/atomic"
	"time"

	"github.com/project-iris/iris/relay/policy"
	"github.com/project-iris/iris/relay/wire"
	"github.com/project-iris/iris/transport/outbox"
)

// tunnelLevel is how many bytes may wait for an application when a tunnel adds its
// next chunk. It is far below the limit of the queue, so that bulk data neither
// delays nor crowds out anything else for long.
const tunnelLevel = 256 << 10

// bulkWrite is the most memory that a chunk takes of the queue of a tunnel.
const bulkWrite = 264 << 10

// errTunnelEnded is why the queue of a tunnel takes no more once the other side has
// closed it.
var errTunnelEnded = errors.New("tunnel has ended")

// tunnel is an application's end of a tunnel.
//
// What the application sends goes into a queue, which its own goroutine writes into
// the stream, and is allowed again once the stream has taken it. What the stream
// brings is handed to the application by another goroutine, as its allowance and
// its queue have room. So a tunnel slows its sender, and nothing else.
type tunnel struct {
	session *session
	id      uint64 // the application's
	conn    Stream
	dialled []byte         // the cluster, if this application has opened it
	in      *outbox.Outbox // records from the application, on their way into the stream

	inbound assembly // of the session's reader

	mu      sync.Mutex
	credit  int64     // chunk bytes that the application may still send
	allowed int64     // chunk bytes that the application still takes; continuations may overdraw it
	changed sync.Cond // allowed or closed has changed
	closed  bool      // the application has had its TUN_CLOSE
}

func newTunnel(s *session, id uint64, conn Stream) *tunnel {
	t := &tunnel{
		session: s,
		id:      id,
		conn:    conn,
		inbound: assembly{limit: s.relay.config.TunnelMessageLimit},
		credit:  window,
	}
	t.changed.L = &t.mu
	t.in = outbox.NewBulk(flow{t})
	t.in.Charge(s.memory.Holder)
	return t
}

// announce tells the application that it has the tunnel, with its first allowance
// in the same write.
func (t *tunnel) announce(result *wire.TunResult) {
	allow := wire.TunAllow{ID: t.id, Bytes: window}
	size := allow.Size()
	if result != nil {
		size += result.Size()
	}
	b, err := t.session.out.Prompt.BeginOver(size)
	if err != nil {
		return // the application is gone
	}
	if result != nil {
		b = result.Append(b)
	}
	t.session.out.Commit(allow.Append(b))
	t.session.out.Order() // before any chunk
}

// start begins to carry data, in both directions.
func (t *tunnel) start() {
	running := &t.session.relay.tunnels
	var left atomic.Int32
	left.Store(2)
	ends := func(run func()) func() {
		return func() {
			run()
			if left.Add(-1) == 0 {
				t.session.memory.Give(tunnelMemory)
			}
		}
	}
	running.Go(ends(t.flush))
	running.Go(ends(t.deliver))
}

// transfer takes a chunk from the application.
func (t *tunnel) transfer(total uint64, chunk []byte) {
	first, forward, err := t.inbound.next(total, len(chunk))
	if err == nil {
		err = t.spend(len(chunk))
	}
	if err != nil {
		t.breakOff(err)
		return
	}
	if !forward {
		if t.in.Err() == nil {
			t.grant(len(chunk))
		}
		return
	}
	b, err := t.in.Bulk.BeginOver(maxRecordHeader + len(chunk))
	if outOfMemory(err) && t.session.memory.await(frameWait, bulkWrite) == nil {
		b, err = t.in.Bulk.BeginOver(maxRecordHeader + len(chunk))
	}
	if outOfMemory(err) {
		t.breakOff(err)
		return
	}
	if err != nil {
		return // the other side has closed: its notice is on the way, and nothing is allowed
	}
	t.in.Commit(appendChunk(b, first, chunk))
}

// spend takes n bytes off what the application may send. It may go one chunk below
// zero, as its last one need not fit.
func (t *tunnel) spend(n int) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.credit -= int64(n)
	if t.credit < -chunkLimit {
		return errAllowance
	}
	return nil
}

// grant lets the application send n bytes more.
func (t *tunnel) grant(n int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed || n == 0 {
		return
	}
	t.credit += int64(n)
	m := wire.TunAllow{ID: t.id, Bytes: uint64(n)}
	if b, err := t.session.out.Prompt.BeginOver(m.Size()); err == nil {
		t.session.out.Commit(m.Append(b))
	}
}

// allow lets the application have more.
func (t *tunnel) allow(n uint64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	const most = math.MaxInt64 / 2
	t.allowed = min(t.allowed+int64(min(n, most)), most)
	t.changed.Signal()
}

// breakOff ends the tunnel because a side broke the protocol of tunnels.
func (t *tunnel) breakOff(err error) {
	t.session.relay.counters.tunnelsBroken.Add(1)
	t.session.relay.warn(t.session.log, "tunnel is closed", "tunnel", t.id, "err", err.Error())
	t.close(err.Error())
}

// close ends the tunnel from this side: the application is told at once, the other
// side when it has got what was sent before. What that still sends is not read: its relay
// finds that it cannot be written, and neither forwards more nor allows more, while the
// notice may wait behind data. An empty reason is a clean close.
func (t *tunnel) close(reason string) {
	if !t.finish(reason) {
		return
	}
	_ = t.conn.CloseRead() // so that the other side is allowed nothing for what is dropped
	if b, err := t.in.Bulk.BeginOver(maxRecordHeader + maxReason); err == nil {
		t.in.CommitLast(appendEnd(b, reason))
	}
	t.session.relay.tunnels.Go(t.watchFlush)
}

// finish tells the application that the tunnel is closed. It returns false if it
// was told before.
func (t *tunnel) finish(reason string) bool {
	if !t.session.tunnels.remove(t) {
		return false
	}
	if t.dialled != nil {
		t.session.access.release(policy.Tunnel, t.dialled, t.id)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.closed = true
	t.changed.Signal()
	t.session.tunnelClosed(t.id, reason)
	return true
}

// flow writes records into the stream, and allows the application as much again.
type flow struct{ t *tunnel }

func (f flow) Write(records []byte) (int, error) {
	n, err := f.t.conn.Write(records)
	if err == nil {
		f.t.grant(chunkBytes(records))
	}
	return n, err
}

// SetWriteDeadline does nothing: a tunnel may be throttled for ever.
func (f flow) SetWriteDeadline(time.Time) error { return nil }

// flush writes what the application sends into the stream, until the tunnel ends or the
// other side reads no more. It does not say why: the other direction does, when it has
// delivered what is left.
func (t *tunnel) flush() { _ = t.in.Run() }

// watchFlush closes the stream of a tunnel that was closed from this side, as soon
// as all is written, to the end record, or cannot be; or when the other side takes
// nothing of what is left.
func (t *tunnel) watchFlush() {
	defer t.conn.Close()
	r := t.session.relay
	left := t.in.Queued()
	tick := time.NewTicker(t.session.limits.stall)
	defer tick.Stop()
	for {
		select {
		case <-t.in.Done():
			return
		case <-r.aborted:
		case <-tick.C:
			if now := t.in.Queued(); now != left {
				left = now
				continue
			}
		}
		r.counters.flushAbandoned.Add(1)
		return
	}
}
