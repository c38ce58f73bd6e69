package identity

import (
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/project-iris/iris/transport"
)

// Reasons of a *transport.RefusedError for a peer, beside transport.ErrSelf.
var (
	ErrVersion      = errors.New("identity: not TLS 1.3")
	ErrProtocol     = errors.New("identity: the protocol " + ALPN + " was not agreed on")
	ErrResumed      = errors.New("identity: a session was resumed")
	ErrCertificates = errors.New("identity: not exactly one certificate")
	ErrLeafKey      = errors.New("identity: the leaf's key is not Ed25519")
	ErrLeafUse      = errors.New("identity: the leaf is not for links between nodes")
	ErrNotYetValid  = errors.New("identity: the leaf is not valid yet")
	ErrExpired      = errors.New("identity: the leaf has expired")
	ErrOtherKey     = errors.New("identity: the leaf is not signed by this network's key")
	ErrOtherNetwork = errors.New("identity: the leaf is of another network that has the same key")
)

// Verify decides over a peer by the state of a TLS connection, and returns the
// what it has proved. A want that is not zero must be its id. The errors are
// [*transport.RefusedError] and [*transport.WrongPeerError].
//
// It does not prove that the peer holds the leaf's key: crypto/tls does, and
// has not always done so at the time that it calls VerifyConnection. Only a
// handshake that completes says both.
func (i *Identity) Verify(state tls.ConnectionState, want transport.PeerID) (Peer, error) {
	if err := checkSession(state); err != nil {
		return Peer{}, &transport.RefusedError{Err: err}
	}
	peer, err := i.checkLeaf(state.PeerCertificates[0])
	if err != nil {
		return Peer{}, &transport.RefusedError{Err: err}
	}
	if peer.ID == i.id {
		return Peer{}, &transport.RefusedError{Err: transport.ErrSelf}
	}
	if !want.IsZero() && peer.ID != want {
		return Peer{}, &transport.WrongPeerError{Want: want, Got: peer.ID}
	}
	return peer, nil
}

// checkSession checks what was negotiated. Go does not fail when a client
// offers no protocol at all, so the protocol is checked here.
func checkSession(state tls.ConnectionState) error {
	switch {
	case state.Version != tls.VersionTLS13:
		return ErrVersion
	case state.NegotiatedProtocol != ALPN:
		return ErrProtocol
	case state.DidResume:
		return ErrResumed
	case len(state.PeerCertificates) != 1:
		return fmt.Errorf("%w: %d", ErrCertificates, len(state.PeerCertificates))
	}
	return nil
}

// checkLeaf checks a certificate, the cheap checks first, and returns the id
// that it speaks for, and who has signed it.
func (i *Identity) checkLeaf(leaf *x509.Certificate) (Peer, error) {
	public, ok := leaf.PublicKey.(ed25519.PublicKey)
	if !ok {
		return Peer{}, fmt.Errorf("%w: %v", ErrLeafKey, leaf.PublicKeyAlgorithm)
	}
	if err := checkUse(leaf); err != nil {
		return Peer{}, err
	}
	if err := i.checkTime(leaf); err != nil {
		return Peer{}, err
	}
	signer, err := i.signerOf(leaf)
	if err != nil {
		return Peer{}, err
	}
	if want := signer.tag(i.network, public); !hmac.Equal([]byte(leaf.URIs[0].Opaque), []byte(want)) {
		return Peer{}, ErrOtherNetwork
	}
	return Peer{ID: peerID(public), Key: signer.key.fingerprint}, nil
}

// checkUse checks that the certificate is one that a node makes, and nothing
// else that the key's owner may have signed with it.
func checkUse(leaf *x509.Certificate) error {
	names := len(leaf.DNSNames) + len(leaf.IPAddresses) + len(leaf.EmailAddresses)
	switch {
	case leaf.IsCA:
		return fmt.Errorf("%w: it is a certificate authority", ErrLeafUse)
	case leaf.KeyUsage != x509.KeyUsageDigitalSignature:
		return fmt.Errorf("%w: its key usage", ErrLeafUse)
	case !slices.Contains(leaf.ExtKeyUsage, x509.ExtKeyUsageServerAuth),
		!slices.Contains(leaf.ExtKeyUsage, x509.ExtKeyUsageClientAuth):
		return fmt.Errorf("%w: its extended key usage", ErrLeafUse)
	case len(leaf.UnhandledCriticalExtensions) != 0:
		return fmt.Errorf("%w: it has unknown critical extensions", ErrLeafUse)
	case names != 0 || len(leaf.URIs) != 1 || leaf.URIs[0].Scheme != tagScheme:
		return fmt.Errorf("%w: its names", ErrLeafUse)
	}
	return nil
}

// checkTime checks the leaf's time with room for clocks that differ.
func (i *Identity) checkTime(leaf *x509.Certificate) error {
	now := i.now()
	if early := leaf.NotBefore.Sub(now); early > i.skew {
		return fmt.Errorf("%w: its clock is ahead by %v, or ours is behind", ErrNotYetValid, early.Round(time.Second))
	}
	if late := now.Sub(leaf.NotAfter); late > i.skew {
		return fmt.Errorf("%w: %v ago by our clock", ErrExpired, late.Round(time.Second))
	}
	return nil
}

// signerOf returns the accepted key that signed the leaf.
func (i *Identity) signerOf(leaf *x509.Certificate) (acceptedKey, error) {
	for _, accepted := range i.keys.Load().accept {
		if leaf.SignatureAlgorithm != accepted.algorithm {
			continue
		}
		err := accepted.verifier.CheckSignature(leaf.SignatureAlgorithm, leaf.RawTBSCertificate, leaf.Signature)
		if err == nil {
			return accepted, nil
		}
	}
	return acceptedKey{}, ErrOtherKey
}
