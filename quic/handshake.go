package quic

import (
	"context"
	"errors"
	"net"
	"sync"
	"time"

	quicgo "github.com/quic-go/quic-go"

	"github.com/project-iris/iris/transport"
	"github.com/project-iris/iris/transport/hello"
	"github.com/project-iris/iris/transport/identity"
)

const (
	// handshakeTimeout is how long a peer may be silent during the handshake;
	// quic-go allows twice that for all of it.
	handshakeTimeout = 5 * time.Second

	// maxHandshakes is how many peers may be at it at once on a socket, from the
	// first packet to the hello. quic-go itself has no such limit, but its
	// connections cost tens of kilobytes and a signature each.
	maxHandshakes = 256
)

var errTooManyHandshakes = errors.New("quic: too many handshakes at once")

// A gate counts the handshakes of those who dial a socket.
type gate struct {
	refused func(remote string, err error)

	mu       sync.Mutex
	underway int
}

// A pass is one place among the handshakes.
type pass struct {
	gate   *gate
	remote net.Addr
	once   sync.Once
}

type passKey struct{}

// enter is quic-go's ConnContext. The context ends with the connection, for a
// handshake that fails with its error.
func (g *gate) enter(ctx context.Context, client *quicgo.ClientInfo) (context.Context, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.underway >= maxHandshakes {
		return nil, errTooManyHandshakes
	}
	g.underway++
	p := &pass{gate: g, remote: client.RemoteAddr}
	context.AfterFunc(ctx, func() { p.fail(context.Cause(ctx)) })
	return context.WithValue(ctx, passKey{}, p), nil
}

// crowded is quic-go's VerifySourceAddress: with half of the places taken,
// those who may have forged their address go through a Retry.
func (g *gate) crowded(net.Addr) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.underway >= maxHandshakes/2
}

func (g *gate) leave() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.underway--
}

// passOf finds a connection's pass, which only those that were accepted have.
func passOf(conn *quicgo.Conn) *pass { return conn.Context().Value(passKey{}).(*pass) }

// succeed gives the place back.
func (p *pass) succeed() { p.once.Do(p.gate.leave) }

// fail gives the place back and writes the peer down, if it was not done yet.
func (p *pass) fail(err error) {
	p.once.Do(func() {
		p.gate.leave()
		p.gate.refused(p.remote.String(), meaning("handshake", p.remote.String(), err))
	})
}

// greet is the dialling side's hello.
func (l *link) greet(ctx context.Context, ours transport.Versions) error {
	return l.exchange(ctx, ours, l.open, hello.Greet)
}

// answer is the accepting side's hello.
func (l *link) answer(ctx context.Context, ours transport.Versions) error {
	return l.exchange(ctx, ours, l.accept, hello.Answer)
}

// exchange does either side's part on the first stream, in hello.Timeout.
func (l *link) exchange(
	ctx context.Context,
	ours transport.Versions,
	first func(context.Context) (*stream, error),
	part func(context.Context, transport.PeerID, transport.Stream, transport.Versions) (uint16, error),
) error {
	bounded, cancel := context.WithTimeout(ctx, hello.Timeout)
	defer cancel()
	s, err := first(bounded)
	if err == nil {
		l.version, err = part(bounded, l.peer, s, ours)
	}
	if err != nil && ctx.Err() == nil && errors.Is(err, context.DeadlineExceeded) {
		return &transport.NetworkError{Op: "hello", Addr: l.RemoteAddr(), Silent: true}
	}
	return err
}

// recognise tells this node from another one that has its id, once that has refused the
// connection.
func (t *Transport) recognise(ctx context.Context, conn *quicgo.Conn) error {
	bounded, cancel := context.WithTimeout(ctx, handshakeTimeout)
	defer cancel()
	select {
	case <-conn.Context().Done():
	case <-bounded.Done():
	}
	end, ok := errors.AsType[*quicgo.TransportError](context.Cause(conn.Context()))
	refused := ok && end.Remote && end.ErrorCode == firstCryptoError+quicgo.TransportErrorCode(identity.RefusedLeafAlert)
	return t.mirror.Judge(conn.ConnectionState().TLS, refused)
}

// farewell is how a link is closed that did not get through the hello.
func farewell(err error) error {
	switch {
	case errors.Is(err, transport.ErrVersion):
		return err
	case errors.Is(err, transport.ErrProtocol):
		return &transport.ClosedError{Code: transport.CodeProtocol, Reason: "bad hello"}
	case errors.Is(err, context.Canceled):
		return transport.ErrGaveUp
	}
	return &transport.ClosedError{Code: transport.CodeRefused, Reason: "no hello"}
}
