package transporttest_test

import (
	"context"
	"log/slog"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/project-iris/iris/quic"
	"github.com/project-iris/iris/tcp"
	"github.com/project-iris/iris/transport"
	"github.com/project-iris/iris/transport/choose"
	"github.com/project-iris/iris/transport/identity"
	"github.com/project-iris/iris/transport/identity/identitytest"
)

// newChoice is a node as it is by default: QUIC, then TCP.
func newChoice(t *testing.T, network *identitytest.Network) *choose.Transport {
	t.Helper()
	return chooserOf(t, network.Node(t))
}

// chooserOf is newChoice for an identity.
func chooserOf(t *testing.T, node *identity.Identity) *choose.Transport {
	t.Helper()
	overQUIC, err := quic.New(quic.Config{Identity: node, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	overTCP := tcp.New(tcp.Config{Identity: node})
	chooser, err := choose.New(choose.Config{
		Transports: []transport.Transport{overQUIC, overTCP}, Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = chooser.Close() })
	return chooser
}

// TestLinksKnowTheKeyOfTheirPeer has each side of a link tell by which network key the other one has
// proved itself, which is not its own in the middle of a rotation, and goes on to tell that when
// keys are replaced.
func TestLinksKnowTheKeyOfTheirPeer(t *testing.T) {
	old, fresh := identity.Generate(), identity.Generate()
	node := func(key, other *identity.NetworkKey) (*identity.Identity, *choose.Transport) {
		id, err := identity.New(identity.Config{Key: key, Accept: []*identity.NetworkKey{other}, Network: "net"})
		if err != nil {
			t.Fatal(err)
		}
		return id, chooserOf(t, id)
	}
	one, a := node(old, fresh)
	two, b := node(fresh, old)
	listener, err := b.Listen(t.Context(), "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	for addr := range strings.SplitSeq(listener.Addr(), ",") {
		dialled, err := a.Dial(t.Context(), addr, two.ID())
		if err != nil {
			t.Fatal(err)
		}
		accepted, err := listener.Accept(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if err := one.SetKeys(fresh, nil); err != nil {
			t.Fatal(err)
		}
		if d, a := transport.KeyOf(dialled), transport.KeyOf(accepted); d != fresh.Fingerprint() || a != old.Fingerprint() {
			t.Errorf("%s: dialled %q, accepted %q", addr, d, a)
		}
		if err := one.SetKeys(old, []*identity.NetworkKey{fresh}); err != nil {
			t.Fatal(err)
		}
	}
}

// TestUDPThatIsBlockedCostsTheHeadStartOnce has the QUIC address be a socket
// that takes packets in and never answers.
func TestUDPThatIsBlockedCostsTheHeadStartOnce(t *testing.T) {
	network := identitytest.NewNetwork(t, "choice")
	a, b := newChoice(t, network), newChoice(t, network)
	listener, err := b.Listen(t.Context(), "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	silent, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	_, tcpAddr, _ := strings.Cut(listener.Addr(), ",")
	blocked := transport.JoinAddr(quic.Scheme, silent.LocalAddr().String()) + "," + tcpAddr

	dial := func(addr string) (remote string, took time.Duration) {
		t.Helper()
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		defer cancel()
		begin := time.Now()
		l, err := a.Dial(ctx, addr, transport.PeerID{})
		if err != nil {
			t.Fatal(err)
		}
		took = time.Since(begin)
		if _, err := listener.Accept(ctx); err != nil {
			t.Fatal(err)
		}
		return l.RemoteAddr(), took
	}
	_, tcpHost := transport.SplitAddr(tcpAddr)
	if remote, took := dial(blocked); remote != tcpHost || took < choose.DefaultHeadStart {
		t.Errorf("linked to %s after %v; want %s after the head start", remote, took, tcpHost)
	}
	// Now TCP comes first. A machine that is busy may take long even so, but
	// hardly as long as a head start each time.
	fastest := time.Hour
	for range 5 {
		_, took := dial(blocked)
		fastest = min(fastest, took)
	}
	if fastest >= choose.DefaultHeadStart {
		t.Errorf("UDP is known to be blocked, and a dial takes %v", fastest)
	}
}

// TestBothListenOnOnePort is what lets a user name a node by host and port.
func TestBothListenOnOnePort(t *testing.T) {
	network := identitytest.NewNetwork(t, "choice")
	a, b := newChoice(t, network), newChoice(t, network)
	listener, err := b.Listen(t.Context(), "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	overQUIC, overTCP, _ := strings.Cut(listener.Addr(), ",")
	_, first := transport.SplitAddr(overQUIC)
	_, second := transport.SplitAddr(overTCP)
	if first != second {
		t.Skipf("the port of %s was taken over TCP: %s", first, second)
	}
	if _, err := a.Dial(t.Context(), first, transport.PeerID{}); err != nil {
		t.Errorf("dial %s: %v", first, err)
	}
}
