package secure

import (
	"context"

	"github.com/project-iris/iris/transport"
	"github.com/project-iris/iris/transport/secure/internal/mux"
)

// A link is a transport.Link over a multiplexer.
type link struct {
	mux           *mux.Mux
	carrier       *carrier
	peer          transport.PeerID
	key           string
	ours          transport.Versions
	version       uint16 // set by the exchange of hellos, before the link is up
	local, remote string
}

var (
	_ transport.Link  = (*link)(nil)
	_ transport.Keyed = (*link)(nil)
)

// Peer returns the id that the other side has proved.
func (l *link) Peer() transport.PeerID { return l.peer }

// NetworkKey returns the fingerprint of the key that has signed the peer's certificate.
func (l *link) NetworkKey() string { return l.key }

// Version returns the version of the protocol that both sides speak.
func (l *link) Version() uint16 { return l.version }

// LocalAddr returns this end's address.
func (l *link) LocalAddr() string { return l.local }

// RemoteAddr returns the other end's address.
func (l *link) RemoteAddr() string { return l.remote }

// Open opens a stream.
func (l *link) Open(ctx context.Context) (transport.Stream, error) {
	stream, err := l.mux.Open(ctx)
	if err != nil {
		return nil, err
	}
	return stream, nil
}

// Accept waits for a stream.
func (l *link) Accept(ctx context.Context) (transport.Stream, error) {
	stream, err := l.mux.Accept(ctx)
	if err != nil {
		return nil, err
	}
	return stream, nil
}

// SendDatagram sends a datagram, best effort.
func (l *link) SendDatagram(b []byte) error { return l.mux.SendDatagram(b) }

// ReceiveDatagram waits for a datagram.
func (l *link) ReceiveDatagram(ctx context.Context) ([]byte, error) {
	return l.mux.ReceiveDatagram(ctx)
}

// Close ends the link.
func (l *link) Close(cause error) error { return l.mux.Close(cause) }

// Context ends with the link.
func (l *link) Context() context.Context { return l.mux.Context() }

// Stats returns what the link has seen. Lost packets are the carrier's to know.
func (l *link) Stats() transport.Stats {
	stats := l.mux.Stats()
	stats.BytesSent, stats.BytesReceived = l.carrier.sent.Load(), l.carrier.received.Load()
	return stats
}
