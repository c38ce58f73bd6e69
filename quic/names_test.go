package quic

import (
	"context"
	"net"
	"net/netip"
	"testing"

	"github.com/project-iris/iris/transport"
	"github.com/project-iris/iris/transport/identity/identitytest"
)

// TestAHostNameIsTriedAtAllItsAddresses gives a name an address of the other
// family, where nobody listens, before the right one.
func TestAHostNameIsTriedAtAllItsAddresses(t *testing.T) {
	network := identitytest.NewNetwork(t, "names")
	node := func() *Transport {
		made, err := New(Config{Identity: network.Node(t)})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = made.Close() })
		return made
	}
	listener, err := node().Listen(t.Context(), "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_, port, _ := net.SplitHostPort(listener.Addr())
	client := node()
	client.lookup = func(_ context.Context, _, host string) ([]netip.Addr, error) {
		if host != "both.example" {
			t.Errorf("looked up %q", host)
		}
		return []netip.Addr{netip.IPv6Loopback(), netip.MustParseAddr("127.0.0.1")}, nil
	}
	l, err := client.Dial(t.Context(), net.JoinHostPort("both.example", port), transport.PeerID{})
	if err != nil {
		t.Fatal(err)
	}
	if l.RemoteAddr() != listener.Addr() {
		t.Errorf("linked to %s", l.RemoteAddr())
	}
}

// TestAZoneIsKept has an address that is good on one wire only, which a system with
// several reaches nobody at without the name of the wire.
func TestAZoneIsKept(t *testing.T) {
	client, err := New(Config{Identity: identitytest.NewNetwork(t, "names").Node(t)})
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	found, err := client.resolve(t.Context(), "[fe80::1%eth9]:14142")
	if err != nil || len(found) != 1 || found[0].String() != "[fe80::1%eth9]:14142" {
		t.Errorf("it stands for %v, error %v", found, err)
	}
}
