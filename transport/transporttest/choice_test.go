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
	"github.com/project-iris/iris/transport/identity/identitytest"
)

// newChoice is a node as it is by default: QUIC, then TCP.
func newChoice(t *testing.T, network *identitytest.Network) *choose.Transport {
	t.Helper()
	node := network.Node(t)
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
