package node

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/project-iris/iris/relay/wire"
	"github.com/project-iris/iris/transport"
	"github.com/project-iris/iris/transport/mem"
)

// How a tunnel between two nodes ends when something happens to what carries it. Each
// side is told so once, and nothing else.
func TestTheEndsOfATunnelBetweenNodes(t *testing.T) {
	for _, row := range []struct {
		name string
		play func(t *testing.T, network *mem.Network, here, there *relayNode, a, b *pipeApp)
	}{
		{"the link is lost", playTunnelLinkLost},
		{"the other node is killed", playTunnelKilled},
		{"the other node falls silent", playTunnelSilent},
		{"the other node is drained", playTunnelDrained},
		{"the acceptor detaches", playTunnelDetached},
	} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				network, here, there := startTwoRelays(t, 0)
				a, b := here.attach(t, ""), there.attach(t, "svc")
				openAcross(a, b)
				row.play(t, network, here, there, a, b)
			})
		})
	}
}

// openAcross opens a tunnel that both applications call 1, with something allowed to the
// one that has opened it.
func openAcross(a, b *pipeApp) {
	a.send(&wire.TunInit{ID: 1, Cluster: []byte("svc"), Timeout: 10_000})
	offer := b.read().(*wire.TunOffer)
	b.send(&wire.TunConfirm{BuildID: offer.BuildID, ID: 1}, &wire.TunAllow{ID: 1, Bytes: 3})
	b.read() // its allowance
	a.read() // the result
	a.read() // its allowance
}

// expectTunnelEnd expects one TUN_CLOSE, with a reason if it was no clean one.
func (a *pipeApp) expectTunnelEnd(clean bool) {
	a.t.Helper()
	closed, ok := a.read().(*wire.TunClosed)
	if !ok || closed.ID != 1 || clean != (len(closed.Reason) == 0) {
		a.t.Errorf("application got %+v, want TUN_CLOSE, clean: %v", closed, clean)
	}
	a.expectNothing()
}

func playTunnelLinkLost(_ *testing.T, network *mem.Network, here, there *relayNode, a, b *pipeApp) {
	ids := [2][]transport.PeerID{{here.end.ID()}, {there.end.ID()}}
	network.Partition(ids[0], ids[1])
	time.Sleep(20 * time.Second) // more than a link survives
	network.Heal()
	both(func() { a.expectTunnelEnd(false) }, func() { b.expectTunnelEnd(false) })
	time.Sleep(10 * time.Second) // they find each other again
	openAcross(a, b)
}

func playTunnelKilled(_ *testing.T, _ *mem.Network, _, there *relayNode, a, _ *pipeApp) {
	there.end.Kill()
	a.expectTunnelEnd(false)
}

// What the silent side was sent is lost, and its own application is told as well.
func playTunnelSilent(_ *testing.T, network *mem.Network, here, there *relayNode, a, b *pipeApp) {
	network.Partition([]transport.PeerID{here.end.ID()}, []transport.PeerID{there.end.ID()})
	a.send(&wire.TunTransfer{ID: 1, Total: 3, Chunk: []byte("abc")})
	if m := a.read(); m.Op() != wire.OpTunAllow { // the link has taken it
		a.t.Errorf("application got %v", m.Op())
	}
	both(func() { a.expectTunnelEnd(false) }, func() { b.expectTunnelEnd(false) })
}

// A tunnel is used to its end while its node drains; there is no new one to that node.
func playTunnelDrained(t *testing.T, _ *mem.Network, _, there *relayNode, a, b *pipeApp) {
	drained := make(chan error, 1)
	go func() { drained <- there.overlay.Drain(context.Background()) }()
	time.Sleep(time.Second)
	a.send(&wire.TunTransfer{ID: 1, Total: 3, Chunk: []byte("abc")}, &wire.TunClose{ID: 1})
	b.expect(&wire.TunTransfer{ID: 1, Total: 3, Chunk: []byte("abc")})
	b.expectTunnelEnd(true)
	if m := a.read(); m.Op() == wire.OpTunAllow {
		a.expectTunnelEnd(true)
	}
	synctest.Wait()
	select {
	case err := <-drained:
		if err != nil {
			t.Errorf("Drain = %v", err)
		}
	default:
		t.Error("the node is not drained though the tunnel has ended")
	}
}

func playTunnelDetached(_ *testing.T, _ *mem.Network, _, _ *relayNode, a, b *pipeApp) {
	b.send(&wire.Close{})
	a.expectTunnelEnd(true)
	b.expect(&wire.TunClosed{ID: 1}, &wire.Closed{})
}

// both runs two functions at once.
func both(f, g func()) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		f()
	}()
	g()
	<-done
}
