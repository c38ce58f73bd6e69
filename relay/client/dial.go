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
	return c.DialFrom(ctx, cluster, nil)
}

// DialFrom is Dial for somebody else, such as the client of a proxy: the other side gets
// the text of that one's address from [Stream.Source]. A text over 255 bytes is left out.
func (c *Conn) DialFrom(ctx context.Context, cluster string, source net.Addr) (*Stream, error) {
	local, remote := Addr{Name: c.cluster}, Addr{Name: cluster}
	s, err := c.dialStream(ctx, local, remote, sourceText(source))
	if err != nil {
		return nil, &net.OpError{Op: "dial", Net: remote.Network(), Source: local, Addr: remote, Err: err}
	}
	return s, nil
}

func (c *Conn) dialStream(ctx context.Context, local, remote Addr, source string) (*Stream, error) {
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
	if err := s.introduce(ctx, source); err != nil {
		return nil, s.abort(err)
	}
	return s, nil
}

// introduce exchanges the first messages, as the side that opened the tunnel.
func (s *Stream) introduce(ctx context.Context, source string) error {
	if err := s.tunnel.Send(ctx, firstMessage(roleOpened, source)); err != nil {
		return silent(s.writeFailure(err)) // it may have been refused already
	}
	m, err := s.tunnel.receiveMessage(ctx)
	switch {
	case err == io.EOF:
		return fmt.Errorf("%w by the other side before its first message: it may serve no streams", ErrClosed)
	case err != nil:
		return silent(err)
	}
	_, err = checkFirst(m, roleAccepted)
	return err
}

// AcceptStream makes a stream of a tunnel that a [Service] was given, as [Listener] does:
// for services that take plain tunnels, too, or that look first whether they can take a
// stream. Nothing but the stream may use the tunnel from then on; it ends at the latest
// when the service's function returns.
//
// It waits for the first message of the other side until the context ends, and refuses
// one that is none of a stream. After an error the tunnel is of no use. Errors: a
// [*StreamError]; [ErrTimeout], and the context's; [ErrClosed]; a [*TunnelError].
func (t *Tunnel) AcceptStream(ctx context.Context) (*Stream, error) {
	s, err := newStream(t, Addr{Name: t.conn.cluster}, Addr{})
	if err == nil {
		err = s.answer(ctx)
	}
	if err != nil {
		return nil, fmt.Errorf("accept a stream: %w", err)
	}
	return s, nil
}

// RefuseStream tells the other side of a tunnel that a [Service] was given that there
// will be no stream: its Dial fails with a [*ResetError] that has the reason, of which
// 255 bytes are sent at most. Errors are those of [Tunnel.Send].
func (t *Tunnel) RefuseStream(ctx context.Context, reason string) error {
	return t.Send(ctx, resetRecord(reason))
}

// answer exchanges the first messages, as the side that accepted the tunnel. It says
// nothing before the other side has, so that who speaks plain messages gets nothing
// but the reason why it is refused.
func (s *Stream) answer(ctx context.Context) error {
	m, err := s.tunnel.receiveMessage(ctx)
	if err != nil {
		return silent(truncated(err))
	}
	s.source, err = checkFirst(m, roleOpened)
	if err != nil {
		_ = s.tunnel.Send(ctx, refusal(err)) // the tunnel is closed anyway
		return err
	}
	return s.tunnel.Send(ctx, firstMessage(roleAccepted, ""))
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
