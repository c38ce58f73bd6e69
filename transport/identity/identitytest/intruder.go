package identitytest

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"testing"
	"time"

	"github.com/project-iris/iris/transport"
	"github.com/project-iris/iris/transport/identity"
)

// An Intruder is a peer that must not get a link, as a client or as a server.
type Intruder struct {
	Name string

	// Config is how it speaks TLS, on either side. It trusts whoever it meets.
	Config *tls.Config

	// Reason is what the node that refuses it must say: an error to find with
	// errors.Is in a *transport.RefusedError. It is nil where crypto/tls itself
	// refuses the peer, with an error of its own.
	Reason error

	// ClientOnly says that there is no such server.
	ClientOnly bool
}

// Intruders returns every kind of peer that a node of the network must
// refuse. Each is good but for the one thing that its name says.
func (n *Network) Intruders(tb testing.TB, node *identity.Identity) []Intruder {
	tb.Helper()
	rows := append(n.badSessions(tb), n.badNodes(tb, node)...)
	return append(rows, n.badLeaves(tb)...)
}

// Impostor returns how a good peer with a forged certificate speaks TLS, to
// show that the intruders are refused for what was changed and for nothing else.
func (n *Network) Impostor(tb testing.TB) *tls.Config {
	tb.Helper()
	return configWith(n.newForgery(tb, newEd25519(tb)).certificate(tb))
}

// badSessions are peers with a good leaf that speak something else.
func (n *Network) badSessions(tb testing.TB) []Intruder {
	tb.Helper()
	row := func(name string, reason error, spoil func(*tls.Config)) Intruder {
		config := n.Impostor(tb)
		spoil(config)
		return Intruder{Name: name, Config: config, Reason: reason}
	}
	noCertificate := row("no certificate", nil, func(c *tls.Config) { c.Certificates = nil })
	noCertificate.ClientOnly = true
	return []Intruder{
		noCertificate,
		row("TLS 1.2", nil, func(c *tls.Config) { c.MinVersion, c.MaxVersion = tls.VersionTLS12, tls.VersionTLS12 }),
		row("no ALPN", identity.ErrProtocol, func(c *tls.Config) { c.NextProtos = nil }),
		row("wrong ALPN", nil, func(c *tls.Config) { c.NextProtos = []string{"iris/0"} }),
		row("certificate without its key", nil, func(c *tls.Config) { c.Certificates[0].PrivateKey = newEd25519(tb) }),
		row("two certificates", identity.ErrCertificates, func(c *tls.Config) {
			chain := &c.Certificates[0].Certificate
			*chain = append(*chain, (*chain)[0])
		}),
	}
}

// badNodes are what nodes become by their own doing or their clock's.
func (n *Network) badNodes(tb testing.TB, self *identity.Identity) []Intruder {
	tb.Helper()
	row := func(name string, reason error, change func(*identity.Config)) Intruder {
		return Intruder{Name: name, Reason: reason, Config: Trusting(tb, n.Node(tb, change))}
	}
	clock := func(ahead time.Duration) func(*identity.Config) {
		return func(c *identity.Config) { c.Now = func() time.Time { return time.Now().Add(ahead) } }
	}
	other := NewNetwork(tb, n.Name)
	return []Intruder{
		row("another network key", identity.ErrOtherKey, func(c *identity.Config) { c.Key = other.Key }),
		row("right key, another network name", identity.ErrOtherNetwork, func(c *identity.Config) { c.Network += "x" }),
		row("expired", identity.ErrExpired, clock(-identity.DefaultLifetime-identity.DefaultClockSkew-time.Minute)),
		row("not yet valid", identity.ErrNotYetValid, clock(identity.DefaultClockSkew+time.Minute)),
		{Name: "the node itself", Reason: transport.ErrSelf, Config: Trusting(tb, self)},
	}
}

// badLeaves are certificates that no node makes.
func (n *Network) badLeaves(tb testing.TB) []Intruder {
	tb.Helper()
	row := func(name string, reason error, leaf crypto.Signer, spoil func(*forgery)) Intruder {
		forged := n.newForgery(tb, leaf)
		if spoil != nil {
			spoil(forged)
		}
		return Intruder{Name: name, Reason: reason, Config: configWith(forged.certificate(tb))}
	}
	leaf := func() crypto.Signer { return newEd25519(tb) }
	return []Intruder{
		row("self-signed", identity.ErrOtherKey, leaf(), func(f *forgery) { f.signer = f.leaf }),
		row("RSA leaf", identity.ErrLeafKey, newRSA(tb), nil),
		row("ECDSA leaf", identity.ErrLeafKey, newECDSA(tb), nil),
		row("a certificate authority", identity.ErrLeafUse, leaf(), func(f *forgery) { f.template.IsCA = true }),
		row("another key usage", identity.ErrLeafUse, leaf(), func(f *forgery) {
			f.template.KeyUsage |= x509.KeyUsageCertSign
		}),
		row("for servers only", identity.ErrLeafUse, leaf(), func(f *forgery) {
			f.template.ExtKeyUsage = f.template.ExtKeyUsage[:1]
		}),
		row("a host name", identity.ErrLeafUse, leaf(), func(f *forgery) { f.template.DNSNames = []string{"example.org"} }),
		row("no tag", identity.ErrLeafUse, leaf(), func(f *forgery) { f.template.URIs = nil }),
		row("another leaf's tag", identity.ErrOtherNetwork, leaf(), func(f *forgery) {
			f.template.URIs[0].Opaque = n.tag(tb, newEd25519(tb).Public())
		}),
	}
}

// Trusting returns how the node speaks TLS, on either side, when it trusts
// whoever it meets, so that only the other side can refuse.
func Trusting(tb testing.TB, node *identity.Identity) *tls.Config {
	tb.Helper()
	certificate, err := node.ServerTLS().GetCertificate(&tls.ClientHelloInfo{})
	if err != nil {
		tb.Fatal(err)
	}
	return configWith(*certificate)
}

func configWith(certificate tls.Certificate) *tls.Config {
	return &tls.Config{
		MinVersion:         tls.VersionTLS13,
		NextProtos:         []string{identity.ALPN},
		InsecureSkipVerify: true,
		ClientAuth:         tls.RequestClientCert,
		Certificates:       []tls.Certificate{certificate},
	}
}

func newEd25519(tb testing.TB) ed25519.PrivateKey {
	tb.Helper()
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		tb.Fatal(err)
	}
	return key
}

func newRSA(tb testing.TB) *rsa.PrivateKey {
	tb.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		tb.Fatal(err)
	}
	return key
}

func newECDSA(tb testing.TB) *ecdsa.PrivateKey {
	tb.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		tb.Fatal(err)
	}
	return key
}
