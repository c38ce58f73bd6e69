package identity_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/project-iris/iris/transport"
	"github.com/project-iris/iris/transport/identity"
	"github.com/project-iris/iris/transport/identity/identitytest"
)

// handshake runs TLS between a client and a server over loopback, and returns
// what each of them says at the end.
func handshake(t *testing.T, client, server *tls.Config) (clientErr, serverErr error) {
	t.Helper()
	ours, theirs := tcpPair(t)
	return handshakeOver(t, ours, theirs, client, server)
}

// tcpPair returns the two ends of a connection over loopback.
func tcpPair(t *testing.T) (ours, theirs net.Conn) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	ours, err = net.Dial("tcp", listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	theirs, err = listener.Accept()
	if err != nil {
		t.Fatal(err)
	}
	return ours, theirs
}

// handshakeOver does it over connections that are there. With TLS 1.3 a client
// learns only when it reads whether it was let in: the server says so with one
// byte. Both sides read what the other still has to say before they close.
func handshakeOver(t *testing.T, ours, theirs net.Conn, client, server *tls.Config) (clientErr, serverErr error) {
	t.Helper()
	done := make(chan error, 1)
	go func() {
		conn := tls.Server(theirs, server)
		err := conn.HandshakeContext(t.Context())
		if err == nil {
			_, err = conn.Write([]byte{1})
		}
		done <- err
		finish(theirs)
	}()
	conn := tls.Client(ours, client)
	clientErr = conn.HandshakeContext(t.Context())
	if clientErr == nil {
		_, clientErr = io.ReadFull(conn, make([]byte, 1))
	}
	finish(ours)
	return clientErr, <-done
}

func finish(conn net.Conn) {
	if half, ok := conn.(interface{ CloseWrite() error }); ok {
		_ = half.CloseWrite()
		_, _ = io.Copy(io.Discard, conn)
	}
	_ = conn.Close()
}

func TestNodesOfANetworkLetEachOtherIn(t *testing.T) {
	network := identitytest.NewNetwork(t, "net")
	one, two := network.Node(t), network.Node(t)
	for name, want := range map[string]transport.PeerID{"any": {}, "that one": two.ID()} {
		if clientErr, serverErr := handshake(t, one.ClientTLS(want), two.ServerTLS()); clientErr != nil || serverErr != nil {
			t.Errorf("want %s: client %v, server %v", name, clientErr, serverErr)
		}
	}
	if clientErr, serverErr := handshake(t, network.Impostor(t), one.ServerTLS()); clientErr != nil || serverErr != nil {
		t.Errorf("a good forgery: client %v, server %v", clientErr, serverErr)
	}
	if clientErr, serverErr := handshake(t, one.ClientTLS(transport.PeerID{}), network.Impostor(t)); clientErr != nil || serverErr != nil {
		t.Errorf("a good forgery as server: client %v, server %v", clientErr, serverErr)
	}
}

func TestEveryKindOfNetworkKeyServes(t *testing.T) {
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	keys := []any{rsaKey}
	for _, curve := range []elliptic.Curve{elliptic.P256(), elliptic.P384(), elliptic.P521()} {
		key, err := ecdsa.GenerateKey(curve, rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		keys = append(keys, key)
	}
	for _, key := range keys {
		der, err := x509.MarshalPKCS8PrivateKey(key)
		if err != nil {
			t.Fatal(err)
		}
		parsed, err := identity.Parse(der)
		if err != nil {
			t.Fatal(err)
		}
		config := identity.Config{Key: parsed, Network: "net"}
		one, err := identity.New(config)
		if err != nil {
			t.Fatal(err)
		}
		two, err := identity.New(config)
		if err != nil {
			t.Fatal(err)
		}
		if clientErr, serverErr := handshake(t, one.ClientTLS(two.ID()), two.ServerTLS()); clientErr != nil || serverErr != nil {
			t.Errorf("%s: client %v, server %v", parsed.Kind(), clientErr, serverErr)
		}
		config.Network = "other"
		stranger, err := identity.New(config)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := handshake(t, identitytest.Trusting(t, stranger), two.ServerTLS()); !errors.Is(err, identity.ErrOtherNetwork) {
			t.Errorf("%s: a node of another network: %v", parsed.Kind(), err)
		}
	}
}

func TestIntrudersAreRefused(t *testing.T) {
	network := identitytest.NewNetwork(t, "net")
	node := network.Node(t)
	for _, row := range network.Intruders(t, node) {
		t.Run(row.Name+" as client", func(t *testing.T) {
			clientErr, serverErr := handshake(t, row.Config, node.ServerTLS())
			assertRefused(t, identity.HandshakeError("addr", serverErr), row.Reason, false)
			assertRefused(t, identity.HandshakeError("addr", clientErr), nil, true)
		})
		if row.ClientOnly {
			continue
		}
		t.Run(row.Name+" as server", func(t *testing.T) {
			clientErr, _ := handshake(t, node.ClientTLS(transport.PeerID{}), row.Config)
			remote := row.Name == "wrong ALPN" || row.Name == "TLS 1.2" // the server notices first
			assertRefused(t, identity.HandshakeError("addr", clientErr), row.Reason, remote)
		})
	}
}

func assertRefused(t *testing.T, err, reason error, remote bool) {
	t.Helper()
	refused, ok := errors.AsType[*transport.RefusedError](err)
	if !ok {
		t.Fatalf("error %v, want a refusal", err)
	}
	if reason != nil && !errors.Is(err, reason) {
		t.Errorf("error %v, want %v", err, reason)
	}
	if refused.Remote != remote {
		t.Errorf("error %v: by the peer: %t, want %t", err, refused.Remote, remote)
	}
}

func TestAnotherPeerThanDialled(t *testing.T) {
	network := identitytest.NewNetwork(t, "net")
	one, two, three := network.Node(t), network.Node(t), network.Node(t)
	clientErr, serverErr := handshake(t, one.ClientTLS(three.ID()), two.ServerTLS())
	wrong, ok := errors.AsType[*transport.WrongPeerError](identity.HandshakeError("addr", clientErr))
	if !ok || wrong.Want != three.ID() || wrong.Got != two.ID() {
		t.Errorf("client: %v", clientErr)
	}
	assertRefused(t, identity.HandshakeError("addr", serverErr), nil, true)
}

func TestRotation(t *testing.T) {
	before, after := identitytest.NewNetwork(t, "net"), identitytest.NewNetwork(t, "net")
	accept := func(key *identity.NetworkKey) func(*identity.Config) {
		return func(c *identity.Config) { c.Accept = []*identity.NetworkKey{key} }
	}
	steps := []*identity.Identity{
		before.Node(t), before.Node(t, accept(after.Key)), after.Node(t, accept(before.Key)), after.Node(t),
	}
	for i, one := range steps {
		for j, two := range steps {
			if i == j {
				continue
			}
			clientErr, serverErr := handshake(t, one.ClientTLS(two.ID()), two.ServerTLS())
			good := max(i, j)-min(i, j) == 1
			if good != (clientErr == nil && serverErr == nil) {
				t.Errorf("from step %d to step %d: client %v, server %v", i, j, clientErr, serverErr)
			}
		}
	}
}

// A key that is accepted says nothing about another key's network tag.
func TestAcceptedKeyDoesNotOpenOtherNetworks(t *testing.T) {
	ours, theirs := identitytest.NewNetwork(t, "net"), identitytest.NewNetwork(t, "other")
	node := ours.Node(t, func(c *identity.Config) { c.Accept = []*identity.NetworkKey{theirs.Key} })
	_, err := handshake(t, identitytest.Trusting(t, theirs.Node(t)), node.ServerTLS())
	assertRefused(t, err, identity.ErrOtherNetwork, false)
}

func TestLongRunningNodesRenewTheirLeaves(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		network := identitytest.NewNetwork(t, "net")
		one, two := network.Node(t), network.Node(t)
		serials := map[string]bool{}
		for range 12 {
			ours, theirs := net.Pipe()
			clientErr, serverErr := handshakeOver(t, ours, theirs, one.ClientTLS(two.ID()), two.ServerTLS())
			if clientErr != nil || serverErr != nil {
				t.Fatalf("client %v, server %v", clientErr, serverErr)
			}
			serials[certificateOf(t, one).SerialNumber.String()] = true
			time.Sleep(identity.DefaultLifetime / 3)
		}
		if len(serials) != 6 {
			t.Errorf("four days took %d certificates, want 6", len(serials))
		}
	})
}

func certificateOf(t *testing.T, node *identity.Identity) *x509.Certificate {
	t.Helper()
	certificate, err := node.ServerTLS().GetCertificate(nil)
	if err != nil {
		t.Fatal(err)
	}
	return certificate.Leaf
}

func TestClocksMayDiffer(t *testing.T) {
	network := identitytest.NewNetwork(t, "net")
	node := network.Node(t)
	for _, ahead := range []time.Duration{-50 * time.Minute, 50 * time.Minute} {
		other := network.Node(t, func(c *identity.Config) {
			c.Now = func() time.Time { return time.Now().Add(ahead) }
		})
		if clientErr, serverErr := handshake(t, other.ClientTLS(node.ID()), node.ServerTLS()); clientErr != nil || serverErr != nil {
			t.Errorf("a clock %v ahead: client %v, server %v", ahead, clientErr, serverErr)
		}
	}
}

func TestClockSetBackMakesANewLeaf(t *testing.T) {
	network := identitytest.NewNetwork(t, "net")
	now := time.Now().Add(48 * time.Hour)
	node := network.Node(t, func(c *identity.Config) { c.Now = func() time.Time { return now } })
	before := certificateOf(t, node)
	now = time.Now()
	if after := certificateOf(t, node); after.SerialNumber.Cmp(before.SerialNumber) == 0 {
		t.Error("the leaf of the wrong time is still in use")
	}
}

// What anyone sees who only connects.
func TestLeafTellsLittle(t *testing.T) {
	network := identitytest.NewNetwork(t, "secret-name")
	one, two := certificateOf(t, network.Node(t)), certificateOf(t, network.Node(t))
	if strings.Contains(string(one.Raw), "secret-name") {
		t.Error("the network's name is in the leaf")
	}
	if one.Subject.String() != "" || one.Issuer.String() != "" || len(one.AuthorityKeyId) != 0 || len(one.SubjectKeyId) != 0 {
		t.Errorf("subject %q, issuer %q, key ids %x and %x", one.Subject, one.Issuer, one.AuthorityKeyId, one.SubjectKeyId)
	}
	if one.URIs[0].String() == two.URIs[0].String() {
		t.Error("the tags of two nodes show that they belong together")
	}
}

func TestIDIsTheHashOfTheLeafKey(t *testing.T) {
	node := identitytest.NewNetwork(t, "net").Node(t)
	leaf := certificateOf(t, node)
	if node.ID() != sha256.Sum256(leaf.RawSubjectPublicKeyInfo) {
		t.Error("the id is not the SHA-256 of the leaf's SubjectPublicKeyInfo")
	}
	if _, ok := leaf.PublicKey.(ed25519.PublicKey); !ok {
		t.Errorf("the leaf's key is %T", leaf.PublicKey)
	}
}

func TestNewRefuses(t *testing.T) {
	key := identity.Generate()
	rows := []struct {
		name   string
		config identity.Config
		want   error
	}{
		{"no key", identity.Config{Network: "net"}, identity.ErrNoKey},
		{"zero key", identity.Config{Network: "net", Key: &identity.NetworkKey{}}, identity.ErrNoKey},
		{"nil accepted", identity.Config{Network: "net", Key: key, Accept: []*identity.NetworkKey{nil}}, identity.ErrNoKey},
		{"no name", identity.Config{Key: key}, identity.ErrNetworkName},
		{"long name", identity.Config{Key: key, Network: strings.Repeat("x", 256)}, identity.ErrNetworkName},
		{"five keys", identity.Config{Key: key, Network: "net", Accept: []*identity.NetworkKey{
			identity.Generate(), identity.Generate(), identity.Generate(), identity.Generate(),
		}}, identity.ErrTooManyKeys},
		{"five times one key", identity.Config{Key: key, Network: "net", Accept: []*identity.NetworkKey{key, key, key, key}}, nil},
	}
	for _, row := range rows {
		if _, err := identity.New(row.config); !errors.Is(err, row.want) {
			t.Errorf("%s: %v, want %v", row.name, err, row.want)
		}
	}
}

func TestSecretsAreSharedByTheNetworkAndDifferElsewhere(t *testing.T) {
	network, other := identitytest.NewNetwork(t, "net"), identitytest.NewNetwork(t, "net")
	one := network.Node(t).Secrets("beacon")
	two := other.Node(t, func(c *identity.Config) { c.Accept = []*identity.NetworkKey{network.Key} }).Secrets("beacon")
	if len(one) != 1 || len(two) != 2 || one[0] != two[1] || one[0] == two[0] {
		t.Error("a node that accepts a key does not share its secret, or shares another")
	}
	if network.Node(t).Secrets("other")[0] == one[0] {
		t.Error("two purposes have one secret")
	}
	renamed := network.Node(t, func(c *identity.Config) { c.Network = "net2" })
	if renamed.Secrets("beacon")[0] == one[0] {
		t.Error("two networks with one key have one secret")
	}
}

func TestIdentityPrintsWithoutSecrets(t *testing.T) {
	node := identitytest.NewNetwork(t, "net").Node(t)
	want := fmt.Sprintf("node %s of network %q", node.ID().Short(), "net")
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%x"} {
		if got := fmt.Sprintf(verb, node); got != want {
			t.Errorf("%s prints %q", verb, got)
		}
	}
}

// A sessionCache counts the tickets that a client was given.
type sessionCache struct {
	tls.ClientSessionCache
	tickets int
}

func (c *sessionCache) Put(key string, state *tls.ClientSessionState) {
	c.tickets++
	c.ClientSessionCache.Put(key, state)
}

// Without tickets there is no resumption, no 0-RTT, and nothing to replay.
func TestNoTicketsAreGiven(t *testing.T) {
	network := identitytest.NewNetwork(t, "net")
	node := network.Node(t)
	client := network.Impostor(t)
	cache := &sessionCache{ClientSessionCache: tls.NewLRUClientSessionCache(1)}
	client.ClientSessionCache, client.ServerName = cache, "node"
	for range 2 {
		if clientErr, serverErr := handshake(t, client, node.ServerTLS()); clientErr != nil || serverErr != nil {
			t.Fatalf("client %v, server %v", clientErr, serverErr)
		}
	}
	if cache.tickets != 0 {
		t.Errorf("%d tickets given", cache.tickets)
	}
}

// The first read after a handshake may come through a link, which has an error
// of its own for what it met.
func TestHandshakeErrorLooksIntoErrorsOfLinks(t *testing.T) {
	alert := &net.OpError{Op: "remote error", Err: errors.New("tls: bad certificate")}
	rows := []struct {
		err, want error
		remote    bool
	}{
		{&transport.NetworkError{Op: "link", Err: alert}, transport.ErrRefused, true},
		{&transport.NetworkError{Op: "link", Err: io.ErrUnexpectedEOF}, transport.ErrNetwork, false},
		{&transport.NetworkError{Op: "link", Silent: true}, transport.ErrNetwork, false},
		{&transport.RefusedError{Err: identity.ErrExpired}, identity.ErrExpired, false},
	}
	for _, row := range rows {
		err := identity.HandshakeError("addr", row.err)
		refused, ok := errors.AsType[*transport.RefusedError](err)
		if !errors.Is(err, row.want) || ok && refused.Remote != row.remote {
			t.Errorf("%v is %v, want %v", row.err, err, row.want)
		}
	}
}

func TestHandshakeErrorTellsThePathFromThePeer(t *testing.T) {
	canceled, cancel := context.WithCancel(t.Context())
	cancel()
	rows := []struct {
		name string
		ctx  context.Context
		peer func(ours, theirs net.Conn)
		want error
	}{
		{"a path that fails", t.Context(), func(_, theirs net.Conn) { theirs.Close() }, transport.ErrNetwork},
		{"a silent peer", t.Context(), func(ours, _ net.Conn) { _ = ours.SetDeadline(time.Unix(1, 0)) }, transport.ErrNetwork},
		{"a web browser", t.Context(), func(_, theirs net.Conn) { _, _ = theirs.Write([]byte("GET / HTTP/1.1\r\n\r\n")) }, transport.ErrRefused},
		{"a caller that gives up", canceled, func(_, _ net.Conn) {}, context.Canceled},
	}
	node := identitytest.NewNetwork(t, "net").Node(t)
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			ours, theirs := net.Pipe()
			defer ours.Close()
			var peer sync.WaitGroup
			peer.Go(func() { row.peer(ours, theirs) })
			err := tls.Server(ours, node.ServerTLS()).HandshakeContext(row.ctx)
			theirs.Close()
			peer.Wait()
			if got := identity.HandshakeError("addr", err); !errors.Is(got, row.want) {
				t.Errorf("%v, want %v", got, row.want)
			}
		})
	}
}
