package client

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/project-iris/iris/relay/wire"
	"github.com/project-iris/iris/transport/outbox"
)

// Receive returns the next message, or what a Read has left of one. It waits for it
// until the context ends. The message is the caller's to keep.
//
// When the tunnel has ended it returns what had arrived whole first, and then: io.EOF
// itself if the other side closed it; a [*TunnelError] if it broke, or the error
// of the connection; [ErrClosed] at once if Close was called here; [ErrTooLarge] if
// the other side sent a message over [Config].MaxMessage. [ErrTimeout] or the
// context's error lose nothing: the next call goes on.
func (t *Tunnel) Receive(ctx context.Context) ([]byte, error) {
	m, err := t.receiveMessage(ctx)
	if err != nil {
		return nil, receiveError(err)
	}
	return m, nil
}

// receiveError says what was being done. io.EOF stays as it is, as readers expect.
func receiveError(err error) error {
	if err == io.EOF {
		return err
	}
	return fmt.Errorf("receive: %w", err)
}

func (t *Tunnel) receiveMessage(ctx context.Context) ([]byte, error) {
	if err := acquire(ctx, t.receiving); err != nil {
		return nil, err
	}
	defer func() { <-t.receiving }()
	if err := t.ensureMessage(ctx); err != nil {
		return nil, err
	}
	m := t.reading.rest
	t.settle()
	return m, nil
}

// reading is the message that is being read. Whoever has the turn to receive may use
// it.
type reading struct {
	rest []byte // what has not been returned yet
	size int    // of the whole message
}

// ensureMessage waits until there are bytes in t.reading. The caller has the turn to
// receive.
func (t *Tunnel) ensureMessage(ctx context.Context) error {
	for {
		ready, err := t.next()
		if ready || err != nil {
			return err
		}
		if err := t.repay(ctx); err != nil {
			return err
		}
		if err := t.awaitArrival(ctx); err != nil {
			return err
		}
	}
}

// next puts a message into t.reading unless one is there, and returns false if none
// has arrived, or why none will. The caller has the turn to receive.
func (t *Tunnel) next() (bool, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.left {
		return false, t.err
	}
	if len(t.reading.rest) > 0 {
		return true, nil
	}
	if m := t.assembly.next(); m != nil {
		t.reading = reading{rest: m, size: len(m)}
		return true, nil
	}
	return false, t.err
}

func (t *Tunnel) awaitArrival(ctx context.Context) error {
	select {
	case <-t.arrived:
		return nil
	case <-t.stopped:
		return nil // next says why
	case <-ctx.Done():
		return contextError(ctx)
	}
}

// settle notes that the application has taken all of t.reading. The bytes are granted
// again at the latest when it waits for more; while messages wait, a quarter of the
// window is saved up first. The caller has the turn to receive.
func (t *Tunnel) settle() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.assembly.owed += t.reading.size
	t.reading = reading{}
	if t.assembly.owed >= t.window/4 {
		_ = t.tryRepay() // without room: when the application waits for more
	}
}

// repay grants what is owed. It waits for room.
func (t *Tunnel) repay(ctx context.Context) error {
	for {
		t.mu.Lock()
		err := t.tryRepay()
		t.mu.Unlock()
		switch {
		case err == nil:
			return nil
		case !errors.Is(err, outbox.ErrFull):
			return lost(err)
		}
		if err := waitRoom(ctx, &t.conn.out.Prompt); err != nil {
			return err
		}
	}
}

// tryRepay grants what is owed if there is room. To a tunnel that has ended nothing
// is owed. The lock is held.
func (t *Tunnel) tryRepay() error {
	if t.err != nil || t.assembly.owed == 0 {
		return nil
	}
	m := wire.TunAllow{ID: t.id, Bytes: uint64(t.assembly.owed)}
	b, err := t.conn.out.Prompt.Begin(m.Size())
	if err != nil {
		return err
	}
	t.conn.out.Commit(m.Append(b))
	t.assembly.granted()
	return nil
}

// receive takes a chunk. An error has ended the tunnel.
func (t *Tunnel) receive(total uint64, chunk []byte) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.opened || t.err != nil {
		return nil // it crossed our TUN_CLOSE
	}
	if err := t.assembly.add(total, chunk); err != nil {
		t.assembly.partial = nil
		t.stop(err)
		t.sendClose()
		return err
	}
	if len(t.assembly.messages) > 0 || t.assembly.owed > 0 {
		wake(t.arrived)
	}
	return nil
}
