package client

import (
	"context"
	"errors"
	"fmt"
	"math"

	"github.com/project-iris/iris/relay/wire"
	"github.com/project-iris/iris/transport/outbox"
)

// Send sends a message, of any size up to [Config].MaxMessage. It returns when the
// message is queued for the node, and waits for the receiver's allowance and for
// room until the context ends. The message is not used after it has returned.
//
// After an error the message does not arrive, not even in part; if only the context
// ended, the next one can be sent. Errors: [ErrTimeout], the context's,
// [ErrTooLarge], [ErrEmpty], a [*TunnelError], [ErrClosed].
func (t *Tunnel) Send(ctx context.Context, message []byte) error {
	if err := t.send(ctx, message); err != nil {
		return fmt.Errorf("send: %w", err)
	}
	return nil
}

func (t *Tunnel) send(ctx context.Context, message []byte) error {
	switch limit := t.conn.config.MaxMessage; {
	case len(message) == 0:
		return ErrEmpty
	case len(message) > limit:
		return fmt.Errorf("%w: message of %d bytes, at most %d", ErrTooLarge, len(message), limit)
	}
	if err := acquire(ctx, t.sending); err != nil {
		return err
	}
	defer func() { <-t.sending }()
	total := len(message)
	for len(message) > 0 {
		n := min(len(message), t.chunk)
		if err := t.sendChunk(ctx, total, message[:n]); err != nil {
			return err
		}
		total, message = 0, message[n:]
	}
	return nil
}

// errAllowance says that the allowance is too small for a chunk.
var errAllowance = errors.New("no allowance")

// sendChunk sends a chunk as soon as it is allowed and there is room. The caller has
// the turn to send.
func (t *Tunnel) sendChunk(ctx context.Context, total int, chunk []byte) error {
	for {
		if ctx.Err() != nil {
			return contextError(ctx)
		}
		err := t.trySend(total, chunk)
		if err == nil {
			return nil
		}
		if err := t.awaitSend(ctx, err); err != nil {
			return err
		}
	}
}

// awaitSend waits for what an error says is missing to send, and returns any other one.
func (t *Tunnel) awaitSend(ctx context.Context, err error) error {
	switch {
	case errors.Is(err, errAllowance):
		return t.awaitAllowance(ctx)
	case errors.Is(err, outbox.ErrFull):
		return waitRoom(ctx, &t.conn.out.Bulk)
	default:
		return err
	}
}

// trySend sends a chunk, or returns what it has to wait for, or why the tunnel has
// ended. The lock makes sure that nothing is sent after TUN_CLOSE.
func (t *Tunnel) trySend(total int, chunk []byte) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.err != nil {
		return t.sendFailure()
	}
	if t.allowance < uint64(len(chunk)) {
		return errAllowance
	}
	return t.put(total, chunk, t.conn.out.Bulk.Begin)
}

// put puts a chunk that is allowed into the queue of the connection, where begin makes room
// for it. The lock is held.
func (t *Tunnel) put(total int, chunk []byte, begin func(size int) ([]byte, error)) error {
	m := wire.TunTransfer{ID: t.id, Total: uint64(total), Chunk: chunk}
	b, err := begin(m.Size())
	switch {
	case errors.Is(err, outbox.ErrFull):
		return err
	case err != nil:
		return lost(err)
	}
	t.conn.out.Commit(m.Append(b))
	t.allowance -= uint64(len(chunk))
	return nil
}

func (t *Tunnel) awaitAllowance(ctx context.Context) error {
	select {
	case <-t.allowed:
		return nil
	case <-t.stopped:
		return t.failure()
	case <-ctx.Done():
		return contextError(ctx)
	}
}

// allow adds to the allowance.
func (t *Tunnel) allow(n uint64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.allowance += min(n, math.MaxUint64-t.allowance)
	wake(t.allowed)
}
