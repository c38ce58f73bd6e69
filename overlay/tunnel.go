package overlay

import (
	"context"
	"errors"
	"io"
	"sync"

	"github.com/project-iris/iris/overlay/names"
)

// Tunnel opens a stream of bytes to one member of a cluster, on this node or another,
// and waits for a member if there is none. What is written at one end is read at the
// other; Write blocks while the other end does not read. Close ends both directions: the
// other end reads what was written before, then io.EOF, and its writes fail.
//
// It fails when the context ends, with [ErrDraining], or with [ErrNoMember] when
// all members that were asked refused.
func (m *Member) Tunnel(ctx context.Context, cluster []byte) (io.ReadWriteCloser, error) {
	var refused names.Refusals
	var last error
	for !refused.Full() {
		to, err := m.overlay.tunnelTarget(ctx, cluster, &refused)
		if err != nil {
			return nil, errors.Join(err, last)
		}
		var near io.ReadWriteCloser
		if near, last = m.overlay.openTunnel(ctx, cluster, to); last == nil {
			return near, nil
		}
		if !errors.Is(last, errLeft) {
			refused.Add(to, !errors.Is(last, errNoMemberThere))
		}
	}
	return nil, errors.Join(ErrNoMember, last)
}

// openTunnel opens a tunnel to a target that was picked for it.
func (o *Overlay) openTunnel(ctx context.Context, cluster []byte, to names.Target) (io.ReadWriteCloser, error) {
	if to.Member != nil {
		return to.Member.(local).tunnel(ctx)
	}
	r := o.links.get(to.Node)
	if r == nil {
		return nil, errLeft
	}
	return r.tunnel(ctx, cluster, to.Gauge)
}

// tunnel opens a tunnel to this member, for which it was picked.
func (m *Member) tunnel(ctx context.Context) (io.ReadWriteCloser, error) {
	near, far := newPipe(m.unload)
	if err := m.offer(ctx, far); err != nil {
		near.Close()
		far.Close()
		return nil, err
	}
	return near, nil
}

// offer hands a tunnel to this member, for which it was picked.
func (m *Member) offer(ctx context.Context, conn io.ReadWriteCloser) error {
	if m.left.Load() || m.closed.Load() {
		return errLeft
	}
	return m.handler.HandleTunnel(ctx, conn)
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

// Close ends both directions.
func (p *pipe) Close() error {
	p.PipeWriter.Close()
	p.PipeReader.Close()
	p.closed()
	return nil
}
