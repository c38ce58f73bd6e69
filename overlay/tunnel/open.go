package tunnel

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/project-iris/iris/overlay/wire"
	"github.com/project-iris/iris/transport"
)

var (
	// ErrNoMember says that the other node has no member of the cluster.
	ErrNoMember = errors.New("node has no member of the cluster")
	// ErrRefused says that members of the other node have refused the tunnel.
	ErrRefused = errors.New("members of the node have refused")

	errHead = errors.New("stream does not begin as a tunnel")
)

// headTimeout is how long a stream may take to say for whom its tunnel is.
const headTimeout = time.Second

// Open asks the node at the other end of a stream to take a tunnel to a cluster, until the
// context ends. When the end that it returns is closed for the first time, closed is called,
// once. It fails with [ErrNoMember], [ErrRefused], and the errors of the stream, which is
// reset then.
func Open(ctx context.Context, s transport.Stream, cluster []byte, f *Farewells, closed func()) (*End, error) {
	stop := context.AfterFunc(ctx, func() { _ = s.SetDeadline(time.Unix(1, 0)) })
	err := ask(ctx, s, cluster)
	if !stop() && err == nil {
		err = ctx.Err()
	}
	if err != nil {
		s.Reset(transport.CodeNone)
		return nil, err
	}
	return newEnd(s, f, closed), nil
}

func ask(ctx context.Context, s transport.Stream, cluster []byte) error {
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
		return ErrNoMember
	}
	return ErrRefused
}

// Accept takes a tunnel that another node opens by a stream of a link, and offers it, within
// the time that the other node gives. It returns when the tunnel has ended, or the link has.
// Who takes the tunnel has called OnClose before offer returns.
func Accept(link context.Context, s transport.Stream, f *Farewells, offer func(ctx context.Context, cluster []byte, end *End) wire.Verdict) {
	head, err := readHead(s)
	if err != nil {
		return
	}
	ctx := link
	if head.Timeout > 0 {
		limited, cancel := context.WithTimeout(ctx, wire.Duration(head.Timeout))
		defer cancel()
		ctx = limited
	}
	end := newEnd(s, f, func() {})
	end.opened = make(chan struct{})
	verdict := offer(ctx, head.Cluster, end)
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
	case <-link.Done(): // its user finds out when it reads or writes
	}
}

// readHead reads who a tunnel is for. It reads not a byte more: what follows is the
// applications'.
func readHead(s transport.Stream) (*wire.Tunnel, error) {
	_ = s.SetReadDeadline(time.Now().Add(headTimeout))
	length, err := binary.ReadUvarint(oneByte{s})
	if err != nil {
		return nil, err
	}
	if length > wire.TunnelLimit {
		return nil, fmt.Errorf("%w: %d bytes", errHead, length)
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
