package identity

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"testing"

	"github.com/project-iris/iris/transport"
)

// FuzzLeaf shows a node any certificate: none is let in but the one that was made with the key of
// the network. Each process that fuzzes has a key of its own.
func FuzzLeaf(f *testing.F) {
	_, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		f.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		f.Fatal(err)
	}
	key, err := Parse(der)
	if err != nil {
		f.Fatal(err)
	}
	one, err := New(Config{Key: key, Network: "net"})
	if err != nil {
		f.Fatal(err)
	}
	other, err := New(Config{Key: key, Network: "net"})
	if err != nil {
		f.Fatal(err)
	}
	shown, err := other.leaf().current()
	if err != nil {
		f.Fatal(err)
	}
	honest := shown.Certificate[0]
	f.Add(honest)
	f.Fuzz(func(t *testing.T, der []byte) {
		leaf, err := x509.ParseCertificate(der)
		if err != nil {
			if _, err := one.VerifyLeaf(other.ID(), der); err == nil {
				t.Errorf("%x is taken for a leaf", der)
			}
			return
		}
		state := tls.ConnectionState{Version: tls.VersionTLS13, NegotiatedProtocol: ALPN, PeerCertificates: []*x509.Certificate{leaf}}
		switch _, err := one.Verify(state, transport.PeerID{}); {
		case err == nil && !bytes.Equal(der, honest):
			t.Errorf("%x is let in", der)
		case err != nil && bytes.Equal(der, honest):
			t.Errorf("the leaf of a node is refused: %v", err)
		}
		if key, err := one.VerifyLeaf(other.ID(), der); (err == nil) != bytes.Equal(der, honest) {
			t.Errorf("%x is by key %q: %v", der, key, err)
		}
	})
}
