package identity_test

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"testing"
	"time"

	"github.com/project-iris/iris/transport"
	"github.com/project-iris/iris/transport/identity"
	"github.com/project-iris/iris/transport/identity/identitytest"
)

// reach has a node dial over a connection, and returns what it makes of whom it has reached.
func reach(t *testing.T, m *identity.Mirror, conn net.Conn) error {
	t.Helper()
	session := tls.Client(conn, m.ClientTLS(transport.PeerID{}))
	if err := session.HandshakeContext(t.Context()); err != nil {
		t.Fatal(err)
	}
	_ = session.SetReadDeadline(time.Now().Add(10 * time.Second))
	_, err := session.Read(make([]byte, 1))
	finish(conn)
	return m.Judge(session.ConnectionState(), identity.RefusedLeaf(err))
}

// answer has a server take a connection to its end.
func answer(t *testing.T, conn net.Conn, config *tls.Config) {
	t.Helper()
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = tls.Server(conn, config).HandshakeContext(context.Background())
		finish(conn)
	}()
	t.Cleanup(func() { <-done })
}

// tampering is a connection on which somebody changes what is sent after the first message,
// which is sealed.
type tampering struct {
	net.Conn
	writes int
}

func (c *tampering) Write(b []byte) (int, error) {
	if c.writes++; c.writes > 1 {
		b = append([]byte(nil), b...)
		b[len(b)/3] ^= 1 // in the certificate
	}
	return c.Conn.Write(b)
}

// Only who has reached another node that has the same leaf key believes that: not who has
// reached itself, over whatever lies between, and whatever the leaf is worth by then.
func TestAMirrorTellsANodeFromItsCopy(t *testing.T) {
	network := identitytest.NewNetwork(t, "net")
	var clock identitytest.Clock
	shared := network.Node(t, func(c *identity.Config) { c.Now = clock.Now })
	self, other := identity.NewMirror(shared), identity.NewMirror(shared)
	expired := self.ServerTLS()
	verify := expired.VerifyConnection
	expired.VerifyConnection = func(state tls.ConnectionState) error {
		clock.Set(48 * time.Hour) // while the dial is under way
		defer clock.Set(-48 * time.Hour)
		return verify(state)
	}
	rows := []struct {
		name   string
		server *tls.Config
		dialer func(net.Conn) net.Conn
		want   error
	}{
		{"itself", self.ServerTLS(), nil, transport.ErrSelf},
		{"a copy", other.ServerTLS(), nil, transport.ErrSameID},
		{"itself, refused for another reason", expired, nil, transport.ErrSelf},
		{"itself, and the answer is cut off", &tls.Config{GetCertificate: self.ServerTLS().GetCertificate, NextProtos: []string{identity.ALPN}}, nil, transport.ErrSelf},
		{"itself, and what it says is changed", self.ServerTLS(), func(c net.Conn) net.Conn { return &tampering{Conn: c} }, transport.ErrSelf},
	}
	for _, row := range rows {
		for range 3 {
			ours, theirs := tcpPair(t)
			if row.dialer != nil {
				ours = row.dialer(ours)
			}
			answer(t, theirs, row.server)
			err := reach(t, self, ours)
			if !errors.Is(err, row.want) || !errors.Is(err, transport.ErrRefused) {
				t.Errorf("%s: %v, want %v", row.name, err, row.want)
			}
		}
	}
}

// Others are let in and refused as without a mirror.
func TestAMirrorChangesNothingForOthers(t *testing.T) {
	network, stranger := identitytest.NewNetwork(t, "net"), identitytest.NewNetwork(t, "net")
	one, two := identity.NewMirror(network.Node(t)), identity.NewMirror(network.Node(t))
	if clientErr, serverErr := handshake(t, one.ClientTLS(transport.PeerID{}), two.ServerTLS()); clientErr != nil || serverErr != nil {
		t.Errorf("client %v, server %v", clientErr, serverErr)
	}
	clientErr, _ := handshake(t, one.ClientTLS(transport.PeerID{}), stranger.Node(t).ServerTLS())
	assertRefused(t, identity.HandshakeError("addr", clientErr), identity.ErrOtherKey, false)
	_, serverErr := handshake(t, identitytest.Trusting(t, stranger.Node(t)), two.ServerTLS())
	assertRefused(t, identity.HandshakeError("addr", serverErr), identity.ErrOtherKey, false)
}
