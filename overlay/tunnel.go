package overlay

import (
	"context"
	"errors"
	"io"
	"sync"
)

// Stream is one end of a tunnel. What is written at one end is read at the other; Write
// blocks while the other end does not read. Close ends both directions: the other end
// reads what was written before, then io.EOF, and its writes fail. CloseRead ends the
// reading direction alone: what was not read is dropped, and the other end's writes fail.
//
// It is an alias, so that its users can name it without this package.
type Stream = interface {
	io.ReadWriteCloser
	CloseRead() error
}

// Tunnel opens a stream of bytes to one member of a cluster, on this node or another,
// and waits for a member if there is none.
//
// It fails when the context ends, with [ErrDraining], or with [ErrNoMember] when
// all members that were asked refused.
func (m *Member) Tunnel(ctx context.Context, cluster []byte) (Stream, error) {
	refused := refusals{anyway: true}
	var last error
	for refused.n < maxRefusals {
		to, err := m.overlay.tunnelTarget(ctx, string(cluster), &refused)
		if err != nil {
			return nil, errors.Join(err, last)
		}
		var near Stream
		if to.member != nil {
			near, last = to.member.tunnel(ctx)
		} else {
			near, last = to.remote.tunnel(ctx, cluster, to.gauge)
		}
		if last == nil {
			return near, nil
		}
		if !errors.Is(last, errLeft) {
			refused.add(to, !errors.Is(last, errNoMemberThere))
		}
	}
	return nil, errors.Join(ErrNoMember, last)
}

// tunnel opens a tunnel to this member, for which it was picked.
func (m *Member) tunnel(ctx context.Context) (Stream, error) {
	near, far := newPipe(m.unload)
	if err := m.offer(ctx, far); err != nil {
		near.Close()
		far.Close()
		return nil, err
	}
	return near, nil
}

// offer hands a tunnel to this member, for which it was picked.
func (m *Member) offer(ctx context.Context, conn Stream) error {
	m.mu.Lock()
	gone := m.left || m.closed
	m.mu.Unlock()
	if gone {
		return errLeft
	}
	return m.handler.HandleTunnel(ctx, conn)
}

// tunnelTarget picks who gets a tunnel, and waits for a member if there is none.
func (o *Overlay) tunnelTarget(ctx context.Context, name string, refused *refusals) (target, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for {
		if err := ctx.Err(); err != nil {
			return target{}, err
		}
		c := o.cluster(name)
		o.lookUp(c)
		to, found := o.pick(c, refused)
		if found {
			return to, nil
		}
		if err := o.refusal(); err != nil {
			o.tidy(c)
			return target{}, err
		}
		if refused.busy || len(c.members) > 0 {
			return target{}, ErrNoMember
		}
		o.awaitMember(ctx, c)
		*refused = refusals{anyway: true} // they had no member, and may have one now
	}
}

// awaitMember waits until a member joins the cluster or the context ends.
// Overlay.mu is held, and released meanwhile.
func (o *Overlay) awaitMember(ctx context.Context, c *cluster) {
	if c.joined == nil {
		c.joined = make(chan struct{})
	}
	joined := c.joined
	c.waiting++
	o.retryLater(c)
	o.mu.Unlock()
	select {
	case <-joined:
	case <-ctx.Done():
	}
	o.mu.Lock()
	c.waiting--
	o.tidy(c)
}

// pipe is one end of a stream of bytes between two members of this node. Nothing
// is buffered: a write lasts until the other end has read it.
type pipe struct {
	*io.PipeReader
	*io.PipeWriter
	closed func()
}

// newPipe returns the two ends. When either is closed for the first time, closed is
// called, once.
func newPipe(closed func()) (near, far *pipe) {
	once := sync.OnceFunc(closed)
	farReader, nearWriter := io.Pipe()
	nearReader, farWriter := io.Pipe()
	near = &pipe{PipeReader: nearReader, PipeWriter: nearWriter, closed: once}
	far = &pipe{PipeReader: farReader, PipeWriter: farWriter, closed: once}
	return near, far
}

// CloseRead ends the reading direction.
func (p *pipe) CloseRead() error { return p.PipeReader.Close() }

// Close ends both directions.
func (p *pipe) Close() error {
	p.PipeWriter.Close()
	p.PipeReader.Close()
	p.closed()
	return nil
}
