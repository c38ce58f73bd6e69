package choose_test

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/project-iris/iris/transport"
	"github.com/project-iris/iris/transport/choose"
	"github.com/project-iris/iris/transport/mem"
	"github.com/project-iris/iris/transport/transporttest"
)

var word = []byte{transport.MinPacketByte, 'h', 'i'}

func TestPackets(t *testing.T) {
	transporttest.RunPacketsVirtual(t, func(t *testing.T) transporttest.Pair {
		w := newWorld(t, mem.Config{Path: mem.Path{Delay: time.Millisecond}})
		_ = w.listener.Close()
		return transporttest.Pair{A: w.a, B: w.b, AID: transport.PeerID{1}, BID: transport.PeerID{2}, Address: "b"}
	})
}

// linksOnly is a transport that carries no packets.
type linksOnly struct {
	transport.Transport
	scheme string
}

func (l linksOnly) Scheme() string { return l.scheme }

// chooserOf is a chooser whose node is closed with the test.
func chooserOf(t *testing.T, transports ...transport.Transport) *choose.Transport {
	t.Helper()
	made, err := choose.New(choose.Config{Transports: transports})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = made.Close() })
	return made
}

// TestPacketsGoByTheSchemeOfTheirAddress sends by each of two transports.
func TestPacketsGoByTheSchemeOfTheirAddress(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, mem.Config{})
		for _, to := range []string{"quic://b", "tcp://b", "quic://b"} {
			if err := w.a.SendPacket(to, word); err != nil {
				t.Fatal(err)
			}
			_, from, err := w.b.ReceivePacket(t.Context())
			if scheme, _ := transport.SplitAddr(to); err != nil || from != transport.JoinAddr(scheme, w.a.quic.ID().String()) {
				t.Errorf("to %s: from %s, %v", to, from, err)
			}
			if err := w.b.SendPacket(from, word); err != nil {
				t.Fatal(err)
			}
			if _, from, err := w.a.ReceivePacket(t.Context()); err != nil || from != to {
				t.Errorf("the answer to what went to %s: from %s, %v", to, from, err)
			}
		}
		if quic, sum := w.a.quic.PacketStats(), w.a.PacketStats(); quic.Sent != 2 || sum.Sent != 3 || sum.Received != 3 {
			t.Errorf("%+v, and in all %+v", quic, sum)
		}
	})
}

// TestAnAddressOfATransportWithoutPackets has one with and one without.
func TestAnAddressOfATransportWithoutPackets(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		network := mem.NewNetwork(mem.Config{})
		node := network.Node(transport.PeerID{1})
		both := chooserOf(t, linksOnly{network.Node(transport.PeerID{2}), "tcp"}, node)
		for to, want := range map[string]error{
			"tcp://b":       transport.ErrNoPackets,
			"websocket://b": choose.ErrNoTransport,
			"b":             choose.ErrNoTransport,
			"mem://":        transport.ErrNetwork,
		} {
			if err := both.SendPacket(to, word); !errors.Is(err, want) {
				t.Errorf("to %s: %v; want %v", to, err, want)
			}
		}
		if err := both.SendPacket("mem://"+node.ID().String(), word); err != nil {
			t.Fatal(err)
		}
		if _, _, err := both.ReceivePacket(t.Context()); err != nil {
			t.Fatal(err)
		}
		without := chooserOf(t, linksOnly{network.Node(transport.PeerID{3}), "tcp"})
		if _, _, err := without.ReceivePacket(t.Context()); !errors.Is(err, transport.ErrNoPackets) {
			t.Errorf("receive without a transport for it: %v", err)
		}
		if stats := without.PacketStats(); stats != (transport.PacketStats{}) {
			t.Errorf("%+v", stats)
		}
	})
}

// TestAPacketThatNobodyTakesDoesNotHoldUpClose has each transport receive one.
func TestAPacketThatNobodyTakesDoesNotHoldUpClose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, mem.Config{})
		for _, to := range []string{"quic://b", "tcp://b", "tcp://b"} {
			if err := w.a.SendPacket(to, word); err != nil {
				t.Fatal(err)
			}
		}
		if _, _, err := w.b.ReceivePacket(t.Context()); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		_ = w.listener.Close()
		if err := w.b.Close(); err != nil {
			t.Fatal(err)
		}
		if _, _, err := w.b.ReceivePacket(t.Context()); !errors.Is(err, transport.ErrClosed) {
			t.Errorf("receive after Close: %v", err)
		}
	})
}

// counting counts the calls of ReceivePacket that are under way.
type counting struct {
	*mem.Transport
	waiting, most atomic.Int32
}

func (c *counting) ReceivePacket(ctx context.Context) (b []byte, from string, err error) {
	c.most.Store(max(c.most.Load(), c.waiting.Add(1)))
	defer c.waiting.Add(-1)
	return c.Transport.ReceivePacket(ctx)
}

// TestEachTransportIsReadByOne receives from many goroutines at once.
func TestEachTransportIsReadByOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		network := mem.NewNetwork(mem.Config{})
		node := &counting{Transport: network.Node(transport.PeerID{1})}
		chooser := chooserOf(t, node)
		var readers sync.WaitGroup
		for range 10 {
			readers.Go(func() {
				if _, _, err := chooser.ReceivePacket(t.Context()); err != nil {
					t.Error(err)
				}
			})
		}
		synctest.Wait()
		for range 10 {
			if err := chooser.SendPacket("mem://"+node.ID().String(), word); err != nil {
				t.Fatal(err)
			}
		}
		readers.Wait()
		if most := node.most.Load(); most != 1 {
			t.Errorf("%d goroutines read the transport", most)
		}
	})
}
