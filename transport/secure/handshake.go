package secure

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"time"

	"github.com/project-iris/iris/transport"
	"github.com/project-iris/iris/transport/hello"
	"github.com/project-iris/iris/transport/identity"
	"github.com/project-iris/iris/transport/secure/internal/mux"
)

// errSlow is the cause of a context that a bound of ours has ended, and not
// the caller.
var errSlow = errors.New("secure: the handshake takes too long")

// dial makes a link as the side that dialled.
func (e *Endpoint) dial(ctx context.Context, conn net.Conn, addr string, want transport.PeerID) (*link, error) {
	l, err := e.secure(ctx, newCarrier(conn), addr, func(raw net.Conn) *tls.Conn {
		return tls.Client(raw, e.mirror.ClientTLS(want))
	}, true)
	if err != nil {
		return nil, err
	}
	if err := l.introduce(ctx, l.greet); err != nil {
		return nil, err
	}
	return l, nil
}

// secure runs TLS over a connection and starts the multiplexer. It closes the
// connection when it fails.
func (e *Endpoint) secure(
	ctx context.Context, raw *carrier, addr string, side func(net.Conn) *tls.Conn, dialer bool,
) (*link, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, e.config.HandshakeTimeout, errSlow)
	defer cancel()
	session := side(raw)
	if err := session.HandshakeContext(ctx); err != nil {
		closeSoftly(ctx, raw)
		return nil, handshakeError(ctx, addr, err)
	}
	peer, err := e.config.Identity.Verify(session.ConnectionState(), transport.PeerID{})
	if err != nil { // only for the own id: the handshake has verified the rest
		err = e.recognise(ctx, session)
		_ = raw.Close()
		return nil, err
	}
	return &link{
		mux:     mux.New(&secured{Conn: session, raw: raw}, e.muxConfig(dialer, addr, raw.try != nil)),
		carrier: raw, peer: peer.ID, key: peer.Key, ours: e.config.Versions,
		local: raw.LocalAddr().String(), remote: addr,
	}, nil
}

// recognise tells this node from another one that has its id, once that has refused the
// session.
func (e *Endpoint) recognise(ctx context.Context, session *tls.Conn) error {
	defer context.AfterFunc(ctx, func() { _ = session.SetReadDeadline(time.Unix(1, 0)) })()
	_, err := session.Read(make([]byte, 1))
	return e.mirror.Judge(session.ConnectionState(), identity.RefusedLeaf(err))
}

// introduce runs this side's part of the exchange of hellos, and closes the
// link when it fails.
func (l *link) introduce(ctx context.Context, part func(context.Context) error) error {
	ctx, cancel := context.WithTimeoutCause(ctx, hello.Timeout, errSlow)
	defer cancel()
	err := part(ctx)
	if err == nil {
		return nil
	}
	if ended := context.Cause(l.Context()); ended != nil && !errors.Is(err, transport.ErrVersion) {
		err = ended // and this is why the exchange failed
	}
	_ = l.Close(farewell(ctx, err))
	return handshakeError(ctx, l.remote, err)
}

// farewell is what a peer is told when the hellos have failed.
func farewell(ctx context.Context, err error) error {
	switch {
	case errors.Is(err, transport.ErrProtocol):
		return &transport.ClosedError{Code: transport.CodeProtocol, Reason: err.Error()}
	case context.Cause(ctx) != nil:
		if errors.Is(context.Cause(ctx), context.Canceled) {
			return transport.ErrGaveUp
		}
		return &transport.ClosedError{Code: transport.CodeInternal, Reason: context.Cause(ctx).Error()}
	}
	return err
}

// greet is the dialling side's part.
func (l *link) greet(ctx context.Context) error {
	stream, err := l.mux.OpenFirst(ctx)
	if err != nil {
		return err
	}
	l.version, err = hello.Greet(ctx, l.peer, stream, l.ours)
	return err
}

// answer is the accepting side's part.
func (l *link) answer(ctx context.Context) error {
	stream, err := l.mux.AcceptFirst(ctx)
	if err != nil {
		return err
	}
	l.version, err = hello.Answer(ctx, l.peer, stream, l.ours)
	return err
}

// handshakeError tells by the contract's errors why a link did not come up.
func handshakeError(ctx context.Context, addr string, err error) error {
	switch cause := context.Cause(ctx); {
	case errors.Is(err, transport.ErrPeerClosed), errors.Is(err, transport.ErrProtocol),
		errors.Is(err, transport.ErrRefused), errors.Is(err, transport.ErrVersion):
		return err
	case errors.Is(cause, errSlow):
		return &transport.NetworkError{Op: "handshake", Addr: addr, Silent: true, Err: errSlow}
	case errors.Is(cause, transport.ErrClosed), errors.Is(cause, errEvicted):
		return cause
	case cause != nil:
		return ctx.Err()
	}
	return identity.HandshakeError(addr, err)
}
