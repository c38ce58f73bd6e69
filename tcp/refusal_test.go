package tcp_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/project-iris/iris/tcp"
	"github.com/project-iris/iris/transport"
	"github.com/project-iris/iris/transport/identity/identitytest"
)

func TestIntrudersAreRefused(t *testing.T) {
	network := identitytest.NewNetwork(t, "net")
	node := network.Node(t)
	for _, row := range network.Intruders(t, node) {
		t.Run(row.Name+" as client", func(t *testing.T) {
			log := newLogbook()
			_, listener := listen(t, tcp.Config{Identity: node, Logger: slog.New(log)})
			if _, err := stranger(t, listener.Addr(), row.Config); err == nil {
				t.Error("it was let in")
			}
			expectRefusal(t, log.refusal(t), row.Reason)
			expectNoLink(t, listener)
		})
		if row.ClientOnly {
			continue
		}
		t.Run(row.Name+" as server", func(t *testing.T) {
			dialler := tcp.New(tcp.Config{Identity: node})
			defer dialler.Close()
			_, err := dialler.Dial(t.Context(), strangerServer(t, row.Config), transport.PeerID{})
			expectRefusal(t, err, row.Reason)
		})
	}
}

func expectRefusal(t *testing.T, err, reason error) {
	t.Helper()
	if !errors.Is(err, transport.ErrRefused) || reason != nil && !errors.Is(err, reason) {
		t.Errorf("%v; want a refusal for %v", err, reason)
	}
}

// The intruders are refused for what is wrong with them, and for nothing else.
func TestStrangersWithAGoodLeafAreLetIn(t *testing.T) {
	network := identitytest.NewNetwork(t, "net")
	_, listener := listen(t, tcp.Config{Identity: network.Node(t)})
	if _, err := stranger(t, listener.Addr(), network.Impostor(t)); err != nil {
		t.Fatal(err)
	}
	accept(t, listener)

	dialler := tcp.New(tcp.Config{Identity: network.Node(t)})
	defer dialler.Close()
	if _, err := dialler.Dial(t.Context(), strangerServer(t, network.Impostor(t)), transport.PeerID{}); err != nil {
		t.Fatal(err)
	}
}

func TestAnotherIDThanDialled(t *testing.T) {
	network := identitytest.NewNetwork(t, "net")
	one, two, other := network.Node(t), network.Node(t), network.Node(t)
	_, listener := listen(t, tcp.Config{Identity: two})
	dialler := tcp.New(tcp.Config{Identity: one})
	defer dialler.Close()
	_, err := dialler.Dial(t.Context(), listener.Addr(), other.ID())
	wrong, ok := errors.AsType[*transport.WrongPeerError](err)
	if !ok || wrong.Want != other.ID() || wrong.Got != two.ID() {
		t.Errorf("%v", err)
	}
	expectNoLink(t, listener)
}

// A node that is refused is told so, and that it was the peer who did it.
func TestRefusedNodesAreTold(t *testing.T) {
	ours, theirs := identitytest.NewNetwork(t, "net"), identitytest.NewNetwork(t, "net")
	_, listener := listen(t, tcp.Config{Identity: ours.Node(t)})
	_, err := stranger(t, listener.Addr(), identitytest.Trusting(t, theirs.Node(t)))
	if operation, ok := errors.AsType[*net.OpError](err); !ok || operation.Op != "remote error" {
		t.Errorf("%v; want the peer's alert", err)
	}
}

// Whoever records a good dial and plays it again gets nothing: not the link,
// and not another one.
func TestReplayedFlight(t *testing.T) {
	network := identitytest.NewNetwork(t, "net")
	log := newLogbook()
	_, listener := listen(t, tcp.Config{Identity: network.Node(t), Logger: slog.New(log)})
	flight := recordDial(t, network, listener)

	raw, err := net.Dial("tcp", listener.Addr())
	if err != nil {
		t.Fatal(err)
	}
	defer raw.Close()
	if _, err := raw.Write(flight); err != nil {
		t.Fatal(err)
	}
	_ = raw.(*net.TCPConn).CloseWrite()
	expectRefusal(t, log.refusal(t), nil)
	expectNoLink(t, listener)
}

// recordDial dials through a proxy, says something on the link, and returns all
// that the dialling side sent.
func recordDial(t *testing.T, network *identitytest.Network, listener transport.Listener) []byte {
	t.Helper()
	proxy, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer proxy.Close()
	var flight bytes.Buffer
	var carrying sync.WaitGroup
	carrying.Go(func() {
		from, err := proxy.Accept()
		if err != nil {
			return
		}
		defer from.Close()
		to, err := net.Dial("tcp", listener.Addr())
		if err != nil {
			return
		}
		defer to.Close()
		carrying.Go(func() {
			_, _ = io.Copy(from, to)
			_ = from.Close()
		})
		_, _ = io.Copy(io.MultiWriter(to, &flight), from)
	})
	dialler := tcp.New(tcp.Config{Identity: network.Node(t)})
	dialled, err := dialler.Dial(t.Context(), proxy.Addr().String(), transport.PeerID{})
	if err != nil {
		t.Fatal(err)
	}
	expectAlive(t, dialled, accept(t, listener))
	_ = dialler.Close()
	carrying.Wait()
	return flight.Bytes()
}

func TestRefusalsAreCountedAndLoggedOnce(t *testing.T) {
	network := identitytest.NewNetwork(t, "net")
	log := newLogbook()
	node, listener := listen(t, tcp.Config{Identity: network.Node(t), Logger: slog.New(log)})
	other := identitytest.Trusting(t, identitytest.NewNetwork(t, "net").Node(t))
	const peers = 50
	for range peers {
		if _, err := stranger(t, listener.Addr(), other); err == nil {
			t.Fatal("it was let in")
		}
	}
	tick := time.NewTicker(time.Millisecond) // the last one may be told before it is counted
	defer tick.Stop()
	for limit := time.Now().Add(patience); node.Refused() < peers && time.Now().Before(limit); {
		<-tick.C
	}
	_ = listener.Close()
	if got := node.Refused(); got != peers {
		t.Errorf("%d refusals counted, want %d", got, peers)
	}
	if lines := len(log.lines); lines != 1 {
		t.Errorf("%d lines logged, want 1", lines)
	}
}

func TestPortScansAreNoRefusals(t *testing.T) {
	network := identitytest.NewNetwork(t, "net")
	log := newLogbook()
	node, listener := listen(t, tcp.Config{Identity: network.Node(t), Logger: slog.New(log)})
	conn, err := net.Dial("tcp", listener.Addr())
	if err != nil {
		t.Fatal(err)
	}
	_ = conn.Close()
	dialled, accepted := join(t, network.Node(t), listener)
	expectAlive(t, dialled, accepted)
	_ = listener.Close()
	if node.Refused() != 0 || len(log.lines) != 0 {
		t.Errorf("%d refusals, %d lines", node.Refused(), len(log.lines))
	}
}

func TestClosedTransportRefusesToWork(t *testing.T) {
	node := tcp.New(tcp.Config{Identity: identitytest.NewNetwork(t, "net").Node(t)})
	_ = node.Close()
	if _, err := node.Dial(context.Background(), "127.0.0.1:1", transport.PeerID{}); !errors.Is(err, transport.ErrClosed) {
		t.Error(err)
	}
}
