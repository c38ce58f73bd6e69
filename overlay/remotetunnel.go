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
	"github.com/project-iris/iris/overlay/names"
	"github.com/project-iris/iris/overlay/peers"
	"github.com/project-iris/iris/overlay/wire"
	"github.com/project-iris/iris/transport"
)

var (
	errNoMemberThere = errors.New("node has no member of the cluster")
	errRefusedThere  = errors.New("members of the node have refused")
	errTunnelHead    = errors.New("stream does not begin as a tunnel")
)

// farewellTimeout is how long the other node may take to end a tunnel that was closed
// here. It has what was sent before when it does.
const farewellTimeout = 5 * time.Second

const (
	// headTimeout is how long a stream may take to say for whom its tunnel is.
	headTimeout = time.Second
	// farewellPatience is how long this node waits for the end of tunnels when it ends.
	farewellPatience = time.Second
)

// tunnel opens a tunnel to a member of this node, for which it was picked: a stream, which
// is the applications' once the node has said that one has taken it. From the pick to the
// close it counts as load of the node, as a request does.
func (r *remote) tunnel(ctx context.Context, cluster []byte, g *balance.Gauge) (io.ReadWriteCloser, error) {
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
	s, err := r.overlay.net.peers.OpenBulk(ctx, r.Peer(), peers.KindTunnel)
	if err != nil {
		if r.Ended() {
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
	ctx := r.Context()
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
	case <-r.Context().Done(): // its user finds out when it reads or writes
	}
}

// offerTunnel offers a tunnel to members of this node, one after the other.
func (o *Overlay) offerTunnel(ctx context.Context, cluster []byte, end *tunnelEnd) wire.Verdict {
	var refused names.Refusals
	for !refused.Full() {
		m := o.pickLocal(cluster, &refused)
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
			refused.Add(names.Target{Member: local{m}}, true)
		}
	}
	if refused.Busy() {
		return wire.VerdictRefused
	}
	return wire.VerdictNoMember
}

// readTunnel reads who a tunnel is for. It reads not a byte more: what follows is the
// applications'.
func readTunnel(s transport.Stream) (*wire.Tunnel, error) {
	_ = s.SetReadDeadline(time.Now().Add(headTimeout))
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
	stream  transport.Stream
	network *network
	opened  chan struct{} // closed when the verdict is sent; nil at the end that has asked
	closed  func()        // called once, by the first Close
	once    sync.Once
	done    chan struct{} // closed when the stream is not used any more

	// One reads and one writes at a time, as streams want it. Who waits to read waits in
	// a channel, with which time passes in tests: it can take until a deadline.
	reading chan struct{} // holds one while somebody reads
	writing sync.Mutex
}

func (r *remote) newTunnelEnd(s transport.Stream) *tunnelEnd {
	return &tunnelEnd{
		stream: s, network: r.overlay.net,
		done: make(chan struct{}), reading: make(chan struct{}, 1),
	}
}

// Read reads what the other end has written.
func (e *tunnelEnd) Read(b []byte) (int, error) {
	e.reading <- struct{}{}
	defer func() { <-e.reading }()
	return e.stream.Read(b)
}

// Write waits until the other node knows that it has the tunnel.
func (e *tunnelEnd) Write(b []byte) (int, error) {
	if e.opened != nil {
		<-e.opened
	}
	e.writing.Lock()
	defer e.writing.Unlock()
	return e.stream.Write(b)
}

// Close ends both directions. What was written before still arrives: the stream is let
// go when the other node has ended it as well, or farewellTimeout is over.
func (e *tunnelEnd) Close() error {
	e.once.Do(func() {
		e.closed()
		_ = e.stream.SetWriteDeadline(time.Unix(1, 0)) // for a Write under way
		_ = e.stream.SetReadDeadline(time.Now().Add(farewellTimeout))
		e.network.farewells.Go(e.farewell)
	})
	return nil
}

// farewell ends the writing direction and reads to the end of the other.
func (e *tunnelEnd) farewell() {
	defer close(e.done)
	defer e.stream.Reset(transport.CodeNone)
	if e.opened != nil {
		<-e.opened
	}
	e.writing.Lock()
	err := e.stream.CloseWrite()
	e.writing.Unlock()
	if err == nil {
		_, _ = io.Copy(io.Discard, e)
	}
}
