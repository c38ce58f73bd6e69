// Package identitytest makes peers that a transport must let in, and intruders
// that it must refuse. Every transport runs the same table of intruders.
package identitytest

import (
	"crypto"
	"crypto/ed25519"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"math/big"
	"net/url"
	"testing"
	"time"

	"github.com/project-iris/iris/transport/identity"
)

// A Network is a network whose private key the test holds, so that it can make
// certificates that no node would make.
type Network struct {
	Name string
	Key  *identity.NetworkKey

	signer ed25519.PrivateKey
}

// NewNetwork returns a network with a new key.
func NewNetwork(tb testing.TB, name string) *Network {
	tb.Helper()
	_, signer, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		tb.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(signer)
	if err != nil {
		tb.Fatal(err)
	}
	key, err := identity.Parse(der)
	if err != nil {
		tb.Fatal(err)
	}
	return &Network{Name: name, Key: key, signer: signer}
}

// Node returns a new node of the network. It changes the configuration first
// where a change is given.
func (n *Network) Node(tb testing.TB, changes ...func(*identity.Config)) *identity.Identity {
	tb.Helper()
	config := identity.Config{Key: n.Key, Network: n.Name}
	for _, change := range changes {
		change(&config)
	}
	node, err := identity.New(config)
	if err != nil {
		tb.Fatal(err)
	}
	return node
}

// A forgery is what a certificate is made from: as it comes from newForgery it
// is good, and each intruder spoils one thing.
type forgery struct {
	template x509.Certificate
	leaf     crypto.Signer
	signer   crypto.Signer
}

// newForgery returns what a good leaf for the key is made from. The tag is
// worked out here once more, from what the documents say of it.
func (n *Network) newForgery(tb testing.TB, leaf crypto.Signer) *forgery {
	tb.Helper()
	return &forgery{
		template: x509.Certificate{
			SerialNumber:          big.NewInt(time.Now().UnixNano()),
			NotBefore:             time.Now().Add(-time.Minute),
			NotAfter:              time.Now().Add(time.Hour),
			KeyUsage:              x509.KeyUsageDigitalSignature,
			ExtKeyUsage:           []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
			BasicConstraintsValid: true,
			URIs:                  []*url.URL{{Scheme: "iris", Opaque: n.tag(tb, leaf.Public())}},
		},
		leaf:   leaf,
		signer: n.signer,
	}
}

// tag is HMAC-SHA256(HKDF(network key, network name), leaf key).
func (n *Network) tag(tb testing.TB, leaf crypto.PublicKey) string {
	tb.Helper()
	secret := append([]byte("\x00\x00\x00\x07Ed25519\x00\x00\x00\x20"), n.signer.Seed()...)
	tagKey, err := hkdf.Key(sha256.New, secret, []byte("iris network key v1"), "certificate tag\x00"+n.Name, 32)
	if err != nil {
		tb.Fatal(err)
	}
	mac := hmac.New(sha256.New, tagKey)
	public, _ := leaf.(ed25519.PublicKey) // empty for others, as a node that forgot to look would have it
	mac.Write(public)
	return hex.EncodeToString(mac.Sum(nil))
}

// certificate signs what was forged.
func (f *forgery) certificate(tb testing.TB) tls.Certificate {
	tb.Helper()
	der, err := x509.CreateCertificate(rand.Reader, &f.template, &x509.Certificate{}, f.leaf.Public(), f.signer)
	if err != nil {
		tb.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: f.leaf}
}
