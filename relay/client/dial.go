package client

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
)

// Dial opens a stream to one member of a cluster that has a [Listener]. It returns when
// the other side has answered. The context bounds the opening only; without a deadline
// it is [Config].Timeout. A cluster without members is waited for. Whoever dials closes
// the stream.
//
// Errors are of type [*net.OpError]. They wrap those of [Conn.Tunnel]; a
// [*StreamError] if the member speaks plain messages, or another version of streams;
// a [*ResetError] if it refuses; [ErrTimeout] also if it says nothing, and [ErrClosed]
// if it closes the tunnel, as those that serve no tunnels do.
func (c *Conn) Dial(ctx context.Context, cluster string) (*Stream, error) {
	local, remote := Addr{Name: c.cluster}, Addr{Name: cluster}
	s, err := c.dialStream(ctx, local, remote)
	if err != nil {
		return nil, &net.OpError{Op: "dial", Net: remote.Network(), Source: local, Addr: remote, Err: err}
	}
	return s, nil
}

func (c *Conn) dialStream(ctx context.Context, local, remote Addr) (*Stream, error) {
	if _, ok := ctx.Deadline(); !ok {
		limited, cancel := context.WithTimeout(ctx, c.config.Timeout)
		defer cancel()
		ctx = limited
	}
	t, err := c.openTunnel(ctx, remote.Name)
	if err != nil {
		return nil, err
	}
	s, err := newStream(t, local, remote)
	if err != nil {
		t.shut()
		return nil, err
	}
	if err := s.introduce(ctx); err != nil {
		return nil, s.abort(err)
	}
	return s, nil
}

// introduce exchanges the first messages, as the side that opened the tunnel.
func (s *Stream) introduce(ctx context.Context) error {
	if err := s.tunnel.Send(ctx, firstMessage(roleOpened)); err != nil {
		return silent(err)
	}
	m, err := s.tunnel.receiveMessage(ctx)
	switch {
	case err == io.EOF:
		return fmt.Errorf("%w by the other side before its first message: it may serve no streams", ErrClosed)
	case err != nil:
		return silent(err)
	}
	return checkFirst(m, roleAccepted)
}

// answer exchanges the first messages, as the side that accepted the tunnel. It says
// nothing before the other side has, so that who speaks plain messages gets nothing
// but the reason why it is refused.
func (s *Stream) answer(ctx context.Context) error {
	m, err := s.tunnel.receiveMessage(ctx)
	if err != nil {
		return silent(truncated(err))
	}
	if err := checkFirst(m, roleOpened); err != nil {
		_ = s.tunnel.Send(ctx, refusal(err)) // the tunnel is closed anyway
		return err
	}
	return s.tunnel.Send(ctx, firstMessage(roleAccepted))
}

// silentError says that the other side of a tunnel that is open said nothing in time.
type silentError struct{}

func (silentError) Error() string {
	return "timed out: the tunnel is open, but the other side said nothing: it may speak no streams"
}

func (silentError) Timeout() bool { return true }

func (silentError) Unwrap() error { return ErrTimeout }

// silent replaces the error of a wait for the other side that took too long.
func silent(err error) error {
	if errors.Is(err, ErrTimeout) {
		return silentError{}
	}
	return err
}
