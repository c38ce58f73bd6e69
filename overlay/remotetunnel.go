package overlay

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/project-iris/iris/overlay/balance"
	"github.com/project-iris/iris/overlay/peers"
	"github.com/project-iris/iris/overlay/wire"
	"github.com/project-iris/iris/transport"
)

var (
	errNoMemberThere = errors.New("node has no member of the cluster")
	errRefusedThere  = errors.New("members of the node have refused")
	errTunnelHead    = errors.New("stream does not begin as a tunnel")
)

// tunnel opens a tunnel to a member of this node, for which it was picked: a stream, which
// is the applications' once the node has said that one has taken it. From the pick to the
// close it counts as load of the node, as a request does.
func (r *remote) tunnel(ctx context.Context, cluster []byte, g *balance.Gauge) (Stream, error) {
	g.Begin()
	end, err := r.openTunnel(ctx, cluster, g)
	switch {
	case errors.Is(err, errRefusedThere):
		g.Refused(time.Now(), 0)
	case err != nil:
		g.Drop()
	default:
		return end, nil
	}
	return nil, err
}

// openTunnel is tunnel without the load, which the end gives back when it is closed.
func (r *remote) openTunnel(ctx context.Context, cluster []byte, g *balance.Gauge) (*tunnelEnd, error) {
	s, err := r.overlay.net.peers.OpenBulk(ctx, r.peer, peers.KindTunnel)
	if err != nil {
		if r.ended() {
			err = errLeft
		}
		return nil, err
	}
	stop := context.AfterFunc(ctx, func() { _ = s.SetDeadline(time.Unix(1, 0)) })
	err = askTunnel(ctx, s, cluster)
	if !stop() && err == nil {
		err = ctx.Err()
	}
	if err != nil {
		s.Reset(transport.CodeNone)
		return nil, err
	}
	end := r.newTunnelEnd(s)
	end.closed = g.Drop
	return end, nil
}

// askTunnel asks a node to take a tunnel.
func askTunnel(ctx context.Context, s transport.Stream, cluster []byte) error {
	head := wire.Tunnel{Cluster: cluster}
	if deadline, ok := ctx.Deadline(); ok {
		head.Timeout = uint64(max(time.Until(deadline).Microseconds(), 1))
	}
	if _, err := s.Write(head.Append(nil)); err != nil {
		return err
	}
	var verdict [1]byte
	if _, err := io.ReadFull(s, verdict[:]); err != nil {
		return err
	}
	switch wire.Verdict(verdict[0]) {
	case wire.VerdictTaken:
		return nil
	case wire.VerdictNoMember:
		return errNoMemberThere
	}
	return errRefusedThere
}

// takeTunnel offers a tunnel of another node to a member of this one, and returns when
// the tunnel has ended.
func (r *remote) takeTunnel(s transport.Stream) {
	head, err := readTunnel(s)
	if err != nil {
		return
	}
	ctx := r.peer.Context()
	if head.Timeout > 0 {
		limited, cancel := context.WithTimeout(ctx, microseconds(head.Timeout))
		defer cancel()
		ctx = limited
	}
	end := r.newTunnelEnd(s)
	end.opened = make(chan struct{})
	verdict := r.overlay.offerTunnel(ctx, head.Cluster, end)
	_, err = s.Write([]byte{byte(verdict)})
	close(end.opened)
	if verdict != wire.VerdictTaken {
		_ = s.CloseWrite()
		return
	}
	if err != nil {
		end.Close()
	}
	select {
	case <-end.done:
	case <-r.peer.Context().Done(): // its user finds out when it reads or writes
	}
}

// offerTunnel offers a tunnel to members of this node, one after the other.
func (o *Overlay) offerTunnel(ctx context.Context, cluster []byte, end *tunnelEnd) wire.Verdict {
	refused := refusals{anyway: true}
	for refused.n < maxRefusals {
		m := o.pickLocal(cluster, &refused).member
		if m == nil {
			break
		}
		end.closed = sync.OnceFunc(m.unload)
		err := m.offer(ctx, end)
		if err == nil {
			return wire.VerdictTaken
		}
		end.closed()
		if !errors.Is(err, errLeft) {
			refused.add(target{member: m}, true)
		}
	}
	if refused.busy {
		return wire.VerdictRefused
	}
	return wire.VerdictNoMember
}

// readTunnel reads who a tunnel is for. It reads not a byte more: what follows is the
// applications'.
func readTunnel(s transport.Stream) (*wire.Tunnel, error) {
	_ = s.SetReadDeadline(time.Now().Add(handTimeout))
	length, err := binary.ReadUvarint(oneByte{s})
	if err != nil {
		return nil, err
	}
	if length > wire.TunnelLimit {
		return nil, fmt.Errorf("%w: %d bytes", errTunnelHead, length)
	}
	frame := make([]byte, length)
	if _, err := io.ReadFull(s, frame); err != nil {
		return nil, err
	}
	_ = s.SetReadDeadline(time.Time{})
	return wire.ParseTunnel(frame)
}

// oneByte reads a byte at a time.
type oneByte struct{ io.Reader }

func (r oneByte) ReadByte() (byte, error) {
	var b [1]byte
	_, err := io.ReadFull(r.Reader, b[:])
	return b[0], err
}

// tunnelEnd is this node's end of a tunnel to another node.
type tunnelEnd struct {
	stream transport.Stream
	remote *remote
	opened chan struct{} // closed when the verdict is sent; nil at the end that has asked
	closed func()        // called once, by the first Close
	once   sync.Once
	done   chan struct{} // closed when the stream is not used any more

	writing sync.Mutex // as streams want it, one writes at a time
}

func (r *remote) newTunnelEnd(s transport.Stream) *tunnelEnd {
	return &tunnelEnd{stream: s, remote: r, done: make(chan struct{})}
}

// Read reads what the other end has written.
func (e *tunnelEnd) Read(b []byte) (int, error) { return e.stream.Read(b) }

// Write waits until the other node knows that it has the tunnel.
func (e *tunnelEnd) Write(b []byte) (int, error) {
	if e.opened != nil {
		<-e.opened
	}
	e.writing.Lock()
	defer e.writing.Unlock()
	return e.stream.Write(b)
}

// CloseRead ends the reading direction. The other node's writes fail when it hears of it,
// half a round trip later.
func (e *tunnelEnd) CloseRead() error {
	e.stream.CancelRead(transport.CodeNone)
	return nil
}

// Close ends both directions. What was written before still arrives.
func (e *tunnelEnd) Close() error {
	e.once.Do(func() {
		e.closed()
		_ = e.stream.SetWriteDeadline(time.Unix(1, 0)) // for a Write under way
		_ = e.CloseRead()
		e.remote.overlay.net.farewells.Go(e.farewell)
	})
	return nil
}

// farewell ends the writing direction.
func (e *tunnelEnd) farewell() {
	defer close(e.done)
	defer e.stream.Reset(transport.CodeNone) // does nothing to what CloseWrite has ended
	if e.opened != nil {
		<-e.opened
	}
	e.writing.Lock()
	defer e.writing.Unlock()
	if e.stream.CloseWrite() == nil {
		e.remote.noteTunnelEnd()
	}
}

// noteTunnelEnd notes that what was written into a tunnel may still be on its way.
func (r *remote) noteTunnelEnd() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.tunnelEnd = time.Now()
}

// lastTunnelEnd returns when the latest tunnel was closed here, zero if there was none.
func (r *remote) lastTunnelEnd() time.Time {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.tunnelEnd
}

// awaitTunnels gives what was written into tunnels time to arrive: until handTimeout after
// the latest was closed, or from now on if one is still being written. A stream of which
// one direction has ended cannot tell when the other end has read it.
func (n *network) awaitTunnels() {
	written := make(chan struct{})
	n.work.Go(func() {
		n.farewells.Wait()
		close(written)
	})
	timer := time.NewTimer(handTimeout)
	defer timer.Stop()
	select {
	case <-written:
	case <-timer.C:
		return
	}
	timer.Reset(time.Until(n.lastTunnelEnd().Add(handTimeout)))
	<-timer.C
}

// lastTunnelEnd returns when the latest tunnel to a node that there is a link to was
// closed here.
func (n *network) lastTunnelEnd() time.Time {
	n.overlay.mu.Lock()
	defer n.overlay.mu.Unlock()
	var last time.Time
	for _, r := range n.links {
		if at := r.lastTunnelEnd(); at.After(last) {
			last = at
		}
	}
	return last
}
