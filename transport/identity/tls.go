package identity

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"os"

	"github.com/project-iris/iris/transport"
)

// ALPN is the protocol that both sides of every link must agree on (RFC 7301): TLS as
// here, and the format of the hello after it. The version of what nodes say then is in
// the hello.
// It holds the major version: nodes of different ones refuse each other.
const ALPN = "iris/1"

// ServerTLS returns the configuration for the side that accepts. It may be
// used for any number of connections and must not be changed.
func (i *Identity) ServerTLS() *tls.Config {
	config := i.baseTLS(transport.PeerID{})
	config.ClientAuth = tls.RequireAnyClientCert // Verify looks at it
	config.GetCertificate = func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
		return i.leaf().current()
	}
	return config
}

// ClientTLS returns the configuration for the side that dials. A want that is
// not zero is the only id accepted; the zero PeerID accepts every node of the
// network but this one. It must not be changed.
func (i *Identity) ClientTLS(want transport.PeerID) *tls.Config {
	config := i.baseTLS(want)
	config.InsecureSkipVerify = true // host names say nothing here; Verify decides
	config.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
		return i.leaf().current()
	}
	return config
}

// baseTLS is what both sides share. Curves are left to Go, which puts the
// hybrid post-quantum one first. Without tickets there is no resumption and no
// 0-RTT, and so no first flight that could be played again.
func (i *Identity) baseTLS(want transport.PeerID) *tls.Config {
	return &tls.Config{
		MinVersion:             tls.VersionTLS13,
		NextProtos:             []string{ALPN},
		SessionTicketsDisabled: true,
		Time:                   i.now,
		VerifyConnection: func(state tls.ConnectionState) error {
			_, err := i.Verify(state, want)
			return err
		},
	}
}

// HandshakeError tells, by the contract's errors, why a TLS handshake with
// addr failed: [*transport.RefusedError], [*transport.WrongPeerError], or
// [*transport.NetworkError] when the path failed or the peer fell silent. It
// serves the first read after a handshake too, since with TLS 1.3 a client
// learns only then what the server thinks of its certificate. A context's
// error is passed through.
func HandshakeError(addr string, err error) error {
	if _, ok := errors.AsType[*transport.WrongPeerError](err); ok {
		return err
	}
	if _, ok := errors.AsType[*transport.RefusedError](err); ok {
		return err
	}
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	system, isSystem := errors.AsType[*net.OpError](err)
	switch {
	case isSystem && system.Op == "remote error": // how crypto/tls marks the peer's alerts
		return &transport.RefusedError{Remote: true, Err: err}
	case isSystem && system.Op == "local error": // and its own, such as a record that is not authentic
		return &transport.RefusedError{Err: err}
	case errors.Is(err, transport.ErrNetwork):
		return err
	case errors.Is(err, os.ErrDeadlineExceeded):
		return &transport.NetworkError{Op: "handshake", Addr: addr, Silent: true}
	case isSystem, errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF),
		errors.Is(err, io.ErrClosedPipe), errors.Is(err, net.ErrClosed):
		return &transport.NetworkError{Op: "handshake", Addr: addr, Err: err}
	}
	return &transport.RefusedError{Err: err}
}
