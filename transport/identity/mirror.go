package identity

import (
	"crypto/ed25519"
	"crypto/tls"
	"errors"
	"net"
	"sync"

	"github.com/project-iris/iris/transport"
)

// alertBadCertificate is how crypto/tls refuses a peer that VerifyConnection does not
// want (RFC 8446, section 6).
const alertBadCertificate = tls.AlertError(42)

// maxMirrored is how many sessions a Mirror remembers. One is looked for as soon as the
// acceptor has refused it, so the handshakes that a listener has at a time are enough.
const maxMirrored = 256

// mirrorLabel names what both sides of a session can derive (RFC 8446, section 7.5).
const mirrorLabel = "EXPORTER-iris-mirror"

// A Mirror tells a node that has dialled itself from one that has dialled another node with
// its id, as the copy of a running machine is: both can do all that the other one can, but
// have not the same sessions. It remembers those in which this node, as the side that
// accepts, was shown its own leaf. A transport has one, and uses it for all its
// connections. Its methods are safe for concurrent use.
type Mirror struct {
	identity *Identity

	mu   sync.Mutex
	seen [maxMirrored][32]byte // a ring
	next int
}

// NewMirror returns a mirror of a node.
func NewMirror(identity *Identity) *Mirror { return &Mirror{identity: identity} }

// ServerTLS is [Identity.ServerTLS].
func (m *Mirror) ServerTLS() *tls.Config {
	config := m.identity.ServerTLS()
	verify := config.VerifyConnection
	config.VerifyConnection = func(state tls.ConnectionState) error {
		m.note(state)
		return verify(state)
	}
	return config
}

// ClientTLS is [Identity.ClientTLS], but lets a handshake with a node of this id complete:
// [Identity.Verify] refuses it afterwards, and then [Mirror.Judge] is to be asked.
func (m *Mirror) ClientTLS(want transport.PeerID) *tls.Config {
	config := m.identity.ClientTLS(want)
	verify := config.VerifyConnection
	config.VerifyConnection = func(state tls.ConnectionState) error {
		if err := verify(state); !errors.Is(err, transport.ErrSelf) {
			return err
		}
		return nil
	}
	return config
}

// note remembers a session whose other side shows this node's leaf. It need not have the
// key for that yet: whoever has only seen the leaf can add sessions, but none that this node
// has dialled.
func (m *Mirror) note(state tls.ConnectionState) {
	if len(state.PeerCertificates) != 1 {
		return
	}
	public, ok := state.PeerCertificates[0].PublicKey.(ed25519.PublicKey)
	if !ok || peerID(public) != m.identity.id {
		return
	}
	name, err := session(state)
	if err != nil {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.seen[m.next] = name
	m.next = (m.next + 1) % maxMirrored
}

// Judge says whom a dial has reached that Verify has refused with transport.ErrSelf. The
// dialler must have completed the handshake, which proves that the other side has the leaf's
// key, and waited until that has ended the session: refused is that it did so with
// [RefusedLeaf]. It returns a *transport.RefusedError with transport.ErrSameID when that is
// sure: this node itself would have noted the session before. Else it has transport.ErrSelf.
func (m *Mirror) Judge(state tls.ConnectionState, refused bool) error {
	name, err := session(state)
	if err != nil || !refused || m.has(name) {
		return &transport.RefusedError{Err: transport.ErrSelf}
	}
	return &transport.RefusedError{Err: transport.ErrSameID}
}

func (m *Mirror) has(name [32]byte) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, seen := range m.seen {
		if seen == name {
			return true
		}
	}
	return false
}

// session returns what both sides of a session know and nobody else.
func session(state tls.ConnectionState) (name [32]byte, err error) {
	secret, err := state.ExportKeyingMaterial(mirrorLabel, nil, len(name))
	copy(name[:], secret)
	return name, err
}

// RefusedLeaf reports whether a session over a stream was ended by the other side because
// it does not want the leaf. No one between the two can make it so: alerts are sealed.
func RefusedLeaf(err error) bool {
	failed, ok := errors.AsType[*net.OpError](err)
	return ok && failed.Op == "remote error" && failed.Err.Error() == alertBadCertificate.Error()
}

// RefusedLeafAlert is the alert by which it does so, as QUIC carries it (RFC 9001, section
// 4.8).
const RefusedLeafAlert = uint8(alertBadCertificate)
