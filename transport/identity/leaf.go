package identity

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"fmt"
	"math/big"
	"net/url"
	"sync"
	"time"
)

const (
	// tagScheme is the scheme of the URI in a leaf's subject alternative name.
	tagScheme = "iris"

	tagLabel = "certificate tag"
)

// A leafState holds this node's leaf key and the certificate that currently
// speaks for it.
type leafState struct {
	signer   acceptedKey
	network  string
	lifetime time.Duration
	now      func() time.Time
	public   ed25519.PublicKey
	private  ed25519.PrivateKey

	mu          sync.Mutex
	certificate *tls.Certificate // nil until first asked for
	renewAfter  time.Time
}

func newLeaf(signer acceptedKey, private ed25519.PrivateKey, network string, lifetime time.Duration, now func() time.Time) *leafState {
	return &leafState{
		signer: signer, network: network, lifetime: lifetime, now: now,
		public: private.Public().(ed25519.PublicKey), private: private,
	}
}

// current returns the leaf's certificate, and signs a new one first when half
// of the old one's time has passed. A clock that was set back makes a new one
// too, since the old one would not be valid yet.
func (l *leafState) current() (*tls.Certificate, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.now()
	if l.certificate != nil && now.Before(l.renewAfter) && !now.Before(l.certificate.Leaf.NotBefore) {
		return l.certificate, nil
	}
	certificate, err := l.issue(now)
	if err != nil {
		return nil, err
	}
	l.certificate = certificate
	l.renewAfter = now.Add(l.lifetime / 2)
	return certificate, nil
}

// issue signs a certificate that is valid from now. It names neither subject
// nor issuer nor the network key, so that whoever only connects learns as
// little as can be.
func (l *leafState) issue(now time.Time) (*tls.Certificate, error) {
	serial := make([]byte, 16)
	_, _ = rand.Read(serial) // never fails since Go 1.24
	serial[0] &= 0x7f        // positive, RFC 5280 section 4.1.2.2
	template := &x509.Certificate{
		SerialNumber:          new(big.Int).SetBytes(serial),
		NotBefore:             now,
		NotAfter:              now.Add(l.lifetime),
		KeyUsage:              x509.KeyUsageDigitalSignature,
		ExtKeyUsage:           []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
		BasicConstraintsValid: true,
		SignatureAlgorithm:    l.signer.algorithm,
		URIs:                  []*url.URL{{Scheme: tagScheme, Opaque: l.signer.tag(l.network, l.public)}},
	}
	signer := l.signer.key.material().signer
	der, err := x509.CreateCertificate(rand.Reader, template, &x509.Certificate{}, l.public, signer)
	if err != nil {
		return nil, fmt.Errorf("identity: signing a leaf with %v: %w", l.signer.key, err)
	}
	parsed, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, fmt.Errorf("identity: reading a leaf just signed: %w", err)
	}
	return &tls.Certificate{Certificate: [][]byte{der}, PrivateKey: l.private, Leaf: parsed}, nil
}

// tag binds a leaf to a network: only holders of the key can make it, for the
// network that they name. As the leaf's own key goes in, the tags of two nodes
// of one network have nothing in common for those without the key.
func (a acceptedKey) tag(network string, public ed25519.PublicKey) string {
	secret := a.key.expand(tagLabel, network)
	mac := hmac.New(sha256.New, secret[:])
	mac.Write(public)
	return hex.EncodeToString(mac.Sum(nil))
}

// algorithmsOf returns how a network key signs leaves: one algorithm for each
// kind, so that no weaker one is ever accepted.
func algorithmsOf(public crypto.PublicKey) (x509.PublicKeyAlgorithm, x509.SignatureAlgorithm) {
	switch public := public.(type) {
	case *rsa.PublicKey:
		return x509.RSA, x509.SHA256WithRSA
	case ed25519.PublicKey:
		return x509.Ed25519, x509.PureEd25519
	case *ecdsa.PublicKey:
		switch public.Curve {
		case elliptic.P384():
			return x509.ECDSA, x509.ECDSAWithSHA384
		case elliptic.P521():
			return x509.ECDSA, x509.ECDSAWithSHA512
		default:
			return x509.ECDSA, x509.ECDSAWithSHA256
		}
	default:
		panic(fmt.Sprintf("identity: public key of kind %T was let through", public))
	}
}
