package relay

import (
	"context"
	"errors"

	"github.com/project-iris/iris/relay/wire"
	"github.com/project-iris/iris/transport/outbox"
)

// headRoom is for what comes before the bytes of a chunk in a frame. A chunk of at least
// largeChunk bytes is not copied into the queue.
const (
	headRoom   = outbox.BufferSize - chunkLimit
	largeChunk = chunkLimit / 2
)

// deliver hands what the stream brings to the application, until either ends.
func (t *tunnel) deliver() {
	reason, ended := t.deliverRecords(newRecordReader(t.conn))
	if !ended || !t.finish(reason) {
		return // closed from this side: the stream is closed when all is flushed
	}
	t.in.Abort(errTunnelEnded)
	t.conn.Close()
}

// deliverRecords returns when the stream has ended, with the reason for the application, or
// when the application is gone.
func (t *tunnel) deliverRecords(records *recordReader) (reason string, ended bool) {
	outbound := assembly{limit: t.session.relay.config.TunnelMessageLimit}
	for {
		total, length, err := records.header()
		if err != nil {
			return t.broken(err), true
		}
		if length == 0 {
			reason, err := records.reason()
			if err != nil {
				return t.broken(err), true
			}
			return reason, true
		}
		if _, forward, err := outbound.next(total, length); err != nil || !forward {
			return t.broken(errFraming), true
		}
		ok, err := t.deliverChunk(records, total, length)
		if err != nil {
			return t.broken(err), true
		}
		if !ok {
			return "", false
		}
	}
}

// broken returns the reason for a stream that cannot be read further.
func (t *tunnel) broken(err error) (reason string) {
	if !errors.Is(err, errFraming) {
		return reasonBroken
	}
	t.session.relay.counters.tunnelsBroken.Add(1)
	t.session.relay.warn(t.session.log, "tunnel is closed: its other side broke the protocol of tunnels",
		"tunnel", t.id, "err", err.Error())
	return errFraming.Error()
}

// deliverChunk hands one chunk to the application as soon as that may have it.
func (t *tunnel) deliverChunk(records *recordReader, total uint64, length int) (ok bool, err error) {
	buffer := outbox.NewBuffer()
	defer func() {
		if !ok || length < largeChunk {
			buffer.Free()
		}
	}()
	chunk := buffer.Bytes()[headRoom : headRoom+length]
	if err := records.chunk(chunk); err != nil {
		return false, err
	}
	if !t.awaitAllowance(total > 0, length) {
		return false, nil
	}
	m := wire.TunTransfer{ID: t.id, Total: total, Chunk: chunk}
	level := min(tunnelLevel, t.session.limits.queue)
	for {
		if err := t.session.out.Bulk.WaitBelow(context.Background(), level); err != nil {
			return false, nil
		}
		if sent, gone := t.send(&m, buffer); sent || gone {
			return sent, nil
		}
		_ = t.session.memory.await(memoryLook, outbox.BufferSize) // at once if it is the queue that is full
	}
}

// send queues a chunk for the application, if there is room. The chunk is in the buffer, behind
// headRoom bytes; a large one takes the buffer with it.
func (t *tunnel) send(m *wire.TunTransfer, buffer outbox.Buffer) (sent, gone bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed {
		return false, true
	}
	queue := &t.session.out.Bulk
	if len(m.Chunk) >= largeChunk {
		from := headRoom - (m.Size() - len(m.Chunk))
		m.AppendHead(buffer.Bytes()[from:from])
		return queue.Add(buffer, from, headRoom+len(m.Chunk)) == nil, false
	}
	b, err := queue.Begin(m.Size())
	if err != nil {
		return false, false
	}
	t.session.out.Commit(m.Append(b))
	return true, false
}

// awaitAllowance takes length bytes off the allowance. The first chunk of a message
// waits until there is as much; the others may overdraw it, as bindings allow more
// only when they have a whole message, which would never come if it were larger
// than what they allow. It returns false when the tunnel is closed.
func (t *tunnel) awaitAllowance(first bool, length int) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	for first && t.allowed < int64(length) && !t.closed {
		t.changed.Wait()
	}
	t.allowed -= int64(length)
	return !t.closed
}
