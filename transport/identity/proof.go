package identity

import (
	"crypto/x509"
	"fmt"

	"github.com/project-iris/iris/transport"
)

// A Peer is what another node has proved.
type Peer struct {
	ID transport.PeerID

	// Key is the fingerprint of the network key that has signed its leaf.
	Key string
}

// Accepts reports whether the network key with a fingerprint lets its holders in.
func (i *Identity) Accepts(fingerprint string) bool {
	for _, accepted := range i.keys.Load().accept {
		if accepted.key.fingerprint == fingerprint {
			return true
		}
	}
	return false
}

// Leaf returns the certificate that this node shows now, in DER. It is no secret: a server
// shows it to whoever connects.
func (i *Identity) Leaf() ([]byte, error) {
	certificate, err := i.leaf().current()
	if err != nil {
		return nil, err
	}
	return certificate.Certificate[0], nil
}

// VerifyLeaf decides over a leaf that a peer has sent over a link, and returns the fingerprint of
// the accepted key that has signed it. The handshake of the link has proved that the peer holds
// the key of the leaf with this id, and a node keeps that key when the network key is replaced:
// so a later certificate for it says as much as a new handshake would. The error is a
// [*transport.RefusedError], or a [*transport.WrongPeerError] for the leaf of another node.
func (i *Identity) VerifyLeaf(id transport.PeerID, der []byte) (key string, err error) {
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		return "", &transport.RefusedError{Err: fmt.Errorf("identity: the leaf cannot be read: %w", err)}
	}
	peer, err := i.checkLeaf(leaf)
	switch {
	case err != nil:
		return "", &transport.RefusedError{Err: err}
	case peer.ID != id:
		return "", &transport.WrongPeerError{Want: id, Got: peer.ID}
	}
	return peer.Key, nil
}
