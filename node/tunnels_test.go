package node_test

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"log/slog"
	"net"
	"runtime"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/project-iris/iris/node"
	"github.com/project-iris/iris/quic"
	"github.com/project-iris/iris/relay/client"
	"github.com/project-iris/iris/tcp"
	"github.com/project-iris/iris/transport"
	"github.com/project-iris/iris/transport/identity"
)

// How much the tests of many tunnels do; make tunnels does more.
var (
	openTunnels  = flag.Int("tunnels", 100, "tunnels that are open at a time")
	tunnelsTurns = flag.Int("turns", 400, "tunnels that are opened and closed")
)

// transports are those of real networks.
var transports = map[string]node.NewTransport{
	quic.Scheme: func(id *identity.Identity, versions transport.Versions, log *slog.Logger) (transport.Transport, error) {
		return quic.New(quic.Config{Identity: id, Versions: versions, Logger: log})
	},
	tcp.Scheme: func(id *identity.Identity, versions transport.Versions, log *slog.Logger) (transport.Transport, error) {
		return tcp.New(tcp.Config{Identity: id, Versions: versions, Logger: log}), nil
	},
}

// startPair starts two nodes on loopback, and returns how to attach to each.
func startPair(tb testing.TB, scheme string) (here, there client.Config) {
	tb.Helper()
	key := identity.Generate()
	var configs [2]client.Config
	var join []string
	for i := range configs {
		n, err := node.Start(node.Config{
			Network: "test", Key: key, Port: node.AnyPort, Bind: "127.0.0.1:0", Join: join,
			Transports: []node.NewTransport{transports[scheme]},
		})
		if err != nil {
			tb.Fatal(err)
		}
		tb.Cleanup(n.Close)
		join = []string{n.PeerAddr()}
		configs[i] = client.Config{Address: net.JoinHostPort("127.0.0.1", strconv.Itoa(n.Port())), Tunnels: 1 << 20}
	}
	return configs[0], configs[1]
}

// echoTunnels attaches a member whose tunnels send back what comes.
func echoTunnels(tb testing.TB, config client.Config) {
	tb.Helper()
	register(tb, config, "echo", client.Service{Tunnel: func(t *client.Tunnel) {
		for {
			m, err := t.Receive(context.Background())
			if err != nil || t.Send(context.Background(), m) != nil {
				return
			}
		}
	}})
}

// openEcho opens a tunnel to the cluster "echo".
func openEcho(tb testing.TB, conn *client.Conn) *client.Tunnel {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	t, err := conn.Tunnel(ctx, "echo")
	if err != nil {
		tb.Error(err)
		return nil
	}
	return t
}

// expectEcho sends a message through a tunnel, and checks that it comes back.
func expectEcho(tb testing.TB, t *client.Tunnel, text string) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if err := t.Send(ctx, []byte(text)); err != nil {
		tb.Errorf("%s: %v", text, err)
		return
	}
	if got, err := t.Receive(ctx); string(got) != text {
		tb.Errorf("sent %q, and %q came back: %v", text, got, err)
	}
}

// Many tunnels between two nodes work side by side, and nothing is left of those that
// were closed. There are more of them than a link has room for streams at a time, so each
// has given back its own.
func TestManyTunnelsBetweenNodes(t *testing.T) {
	for scheme := range transports {
		t.Run(scheme, func(t *testing.T) {
			here, there := startPair(t, scheme)
			echoTunnels(t, there)
			conn := connect(t, here)
			if first := openEcho(t, conn); first != nil { // which makes the links
				expectEcho(t, first, "first")
				first.Close()
			}
			before := runtime.NumGoroutine()
			echoSideBySide(t, conn, *openTunnels)
			openAndClose(t, conn, *tunnelsTurns)
			expectGoroutines(t, before)
		})
	}
}

// expectGoroutines checks that there are soon no more goroutines than a number.
func expectGoroutines(t *testing.T, before int) {
	t.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	deadline := time.Now().Add(time.Minute)
	for range tick.C {
		after := runtime.NumGoroutine()
		if after <= before {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%d goroutines before, %d after", before, after)
		}
	}
}

// echoSideBySide opens n tunnels, and has all of them echo at once.
func echoSideBySide(t *testing.T, conn *client.Conn, n int) {
	t.Helper()
	tunnels := make([]*client.Tunnel, n)
	each(n, 64, func(i int) { tunnels[i] = openEcho(t, conn) })
	if t.Failed() {
		t.FailNow()
	}
	for round := range 3 {
		each(n, n, func(i int) { expectEcho(t, tunnels[i], fmt.Sprintf("%d of tunnel %d", round, i)) })
	}
	each(n, 64, func(i int) {
		if err := tunnels[i].Close(); err != nil {
			t.Error(err)
		}
	})
}

// openAndClose opens, uses and closes n tunnels.
func openAndClose(t *testing.T, conn *client.Conn, n int) {
	t.Helper()
	each(n, 16, func(i int) {
		tunnel := openEcho(t, conn)
		if tunnel == nil {
			return
		}
		expectEcho(t, tunnel, fmt.Sprint("tunnel ", i))
		if err := tunnel.Close(); err != nil {
			t.Error(err)
		}
	})
}

// each calls f with the numbers below n, some of them at a time.
func each(n, atOnce int, f func(i int)) {
	var next atomic.Int64
	var workers sync.WaitGroup
	for range atOnce {
		workers.Go(func() {
			for i := int(next.Add(1)) - 1; i < n; i = int(next.Add(1)) - 1 {
				f(i)
			}
		})
	}
	workers.Wait()
}

// A tunnel whose receiver takes nothing, for good, does not hold up another one between
// the same applications.
func TestAStalledTunnelBetweenNodes(t *testing.T) {
	for scheme := range transports {
		t.Run(scheme, func(t *testing.T) {
			here, there := startPair(t, scheme)
			stalled := make(chan struct{})
			register(t, there, "stalled", client.Service{Tunnel: func(*client.Tunnel) { <-stalled }})
			t.Cleanup(func() { close(stalled) })
			echoTunnels(t, there)
			conn := connect(t, here)
			stuck, err := conn.Tunnel(t.Context(), "stalled")
			if err != nil {
				t.Fatal(err)
			}
			sent := fillTunnel(t, stuck)
			t.Logf("a stalled tunnel has taken %d bytes", sent)
			if tunnel := openEcho(t, conn); tunnel != nil {
				for i := range 20 {
					expectEcho(t, tunnel, string(bytes.Repeat([]byte{byte('a' + i)}, 1<<20)))
				}
			}
			if _, err := stuck.Write(nil); err != nil {
				t.Errorf("the stalled tunnel has ended: %v", err)
			}
		})
	}
}

// fillTunnel sends until nothing more is taken for two seconds, and returns how many
// bytes were.
func fillTunnel(t *testing.T, tunnel *client.Tunnel) int {
	t.Helper()
	chunk := make([]byte, 64<<10)
	for sent := 0; ; sent += len(chunk) {
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
		err := tunnel.Send(ctx, chunk)
		cancel()
		if err != nil {
			return sent
		}
	}
}
