package quic

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/project-iris/iris/transport"
	"github.com/project-iris/iris/transport/identity/identitytest"
)

// word is a packet.
var word = []byte{transport.MinPacketByte, 'h', 'i'}

func mustListen(t *testing.T, node *Transport, addr string) transport.Listener {
	t.Helper()
	l, err := node.Listen(t.Context(), addr)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// mustReceive waits for a packet, and says where it comes from.
func mustReceive(t *testing.T, node *Transport) (from string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	_, from, err := node.ReceivePacket(ctx)
	if err != nil {
		t.Fatalf("no packet: %v", err)
	}
	return from
}

func mustSend(t *testing.T, node *Transport, to string) {
	t.Helper()
	if err := node.SendPacket(to, word); err != nil {
		t.Fatal(err)
	}
}

// expectStats waits for what other goroutines count.
func expectStats(t *testing.T, node *Transport, what string, good func(transport.PacketStats) bool) {
	t.Helper()
	limit := time.After(time.Minute)
	for !good(node.PacketStats()) {
		select {
		case <-time.After(time.Millisecond):
		case <-limit:
			t.Fatalf("%s: %+v", what, node.PacketStats())
		}
	}
}

// stranger is a socket of somebody outside the network.
func stranger(t *testing.T) *net.UDPConn {
	t.Helper()
	conn, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}

// TestAnAnswerLeavesByTheSocketThatWasAsked has a node that listens at two addresses, with
// sockets for either of which any address here is good.
func TestAnAnswerLeavesByTheSocketThatWasAsked(t *testing.T) {
	network := identitytest.NewNetwork(t, "answers")
	a, b := newTestTransport(t, network), newTestTransport(t, network)
	first, second := mustListen(t, a, "127.0.0.1:0").Addr(), mustListen(t, a, "127.0.0.1:0").Addr()
	mustListen(t, b, "127.0.0.1:0")
	for _, addr := range []string{first, second, first, second, second} {
		mustSend(t, b, addr)
		mustSend(t, a, mustReceive(t, a))
		if from := mustReceive(t, b); from != addr {
			t.Errorf("a packet to %s is answered from %s", addr, from)
		}
	}
	if len(a.ways) != 1 || len(b.ways) != 0 {
		t.Errorf("%d and %d ways are remembered, want 1 and 0", len(a.ways), len(b.ways))
	}
	a.discard(a.sockets[1])
	if len(a.ways) != 0 {
		t.Error("the way by a socket that was closed is remembered")
	}
}

func TestWaysAreBounded(t *testing.T) {
	a := newTestTransport(t, identitytest.NewNetwork(t, "ways"))
	mustListen(t, a, "127.0.0.1:0")
	mustListen(t, a, "127.0.0.1:0")
	remote := func(n int) netip.AddrPort {
		return netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, byte(n >> 8), byte(n)}), 1)
	}
	for n := range 2 * maxWays {
		a.noteWay(remote(n), a.sockets[1])
	}
	if len(a.ways) != maxWays || a.ways[remote(2*maxWays-1)] != a.sockets[1] {
		t.Errorf("%d ways are remembered, want %d with the last one", len(a.ways), maxWays)
	}
	a.noteWay(remote(2*maxWays-1), &socket{})
	if len(a.ways) != maxWays-1 {
		t.Error("the way by a socket that is no more is remembered")
	}
}

// TestPacketsOfBothFamiliesComeToOneSocket has one of IPv6 that takes IPv4 as well.
func TestPacketsOfBothFamiliesComeToOneSocket(t *testing.T) {
	network := identitytest.NewNetwork(t, "families")
	a := newTestTransport(t, network)
	_, port, _ := net.SplitHostPort(mustListen(t, a, "[::]:0").Addr())
	for _, host := range []string{"127.0.0.1", "::1"} {
		b := newTestTransport(t, network)
		own := mustListen(t, b, net.JoinHostPort(host, "0")).Addr()
		mustSend(t, b, net.JoinHostPort(host, port))
		from := mustReceive(t, a)
		if from != own {
			t.Errorf("a packet from %s is said to come from %s", own, from)
		}
		mustSend(t, a, from)
		if from := mustReceive(t, b); from != net.JoinHostPort(host, port) {
			t.Errorf("the answer comes from %s", from)
		}
	}
	if len(a.sockets) != 1 {
		t.Errorf("%d sockets", len(a.sockets))
	}
}

// TestWhatIsNoPacketIsCounted sends what only a stranger can.
func TestWhatIsNoPacketIsCounted(t *testing.T) {
	a := newTestTransport(t, identitytest.NewNetwork(t, "foreign"))
	to := net.UDPAddrFromAddrPort(netip.MustParseAddrPort(mustListen(t, a, "127.0.0.1:0").Addr()))
	conn := stranger(t)
	long := make([]byte, transport.MaxPacket+1)
	long[0] = transport.MinPacketByte
	for i, content := range [][]byte{{0}, {transport.MinPacketByte - 1, 1}, long, append(long, long...), {soundingQuestion}, {soundingAnswer}, word} {
		if _, err := conn.WriteTo(content, to); err != nil {
			t.Fatal(err)
		}
		foreign := uint64(min(i+1, 4)) // soundings are no packets, nor foreign
		expectStats(t, a, fmt.Sprintf("after packet %d", i), func(s transport.PacketStats) bool { return s.Foreign == foreign })
	}
	mustReceive(t, a)
}

// TestAFloodIsDropped sends more than the queue holds while nobody reads.
func TestAFloodIsDropped(t *testing.T) {
	a := newTestTransport(t, identitytest.NewNetwork(t, "flood"))
	to := net.UDPAddrFromAddrPort(netip.MustParseAddrPort(mustListen(t, a, "127.0.0.1:0").Addr()))
	conn := stranger(t)
	for begin := time.Now(); a.PacketStats().ReceiveQueueFull < 100; {
		if _, err := conn.WriteTo(word, to); err != nil {
			t.Fatal(err)
		}
		if time.Since(begin) > time.Minute {
			t.Fatalf("nothing is dropped: %+v", a.PacketStats())
		}
	}
	for range packetQueue {
		mustReceive(t, a)
	}
	if n := a.PacketStats().Received; n != packetQueue {
		t.Errorf("%d packets were received", n)
	}
}

// TestSendPacketDoesNotWaitForTheSystem has a socket that takes nothing.
func TestSendPacketDoesNotWaitForTheSystem(t *testing.T) {
	network := identitytest.NewNetwork(t, "full")
	a, b := newTestTransport(t, network), newTestTransport(t, network)
	mustListen(t, a, "127.0.0.1:0")
	addr := mustListen(t, b, "127.0.0.1:0").Addr()
	room, write := make(chan struct{}), a.sockets[0].conn.write
	a.sockets[0].conn.write = func(packet, oob []byte, to *net.UDPAddr) (n, oobn int, err error) {
		<-room
		return write(packet, oob, to)
	}
	for range packetQueue + 10 { // and one that is being written
		mustSend(t, a, addr)
	}
	if full := a.PacketStats().SendQueueFull; full != 9 && full != 10 {
		t.Errorf("%d packets were dropped", full)
	}
	close(room)
	mustReceive(t, b)
}

// TestPacketsThatTheSystemDoesNotTakeAreCounted sends to port 0, which none has.
func TestPacketsThatTheSystemDoesNotTakeAreCounted(t *testing.T) {
	network := identitytest.NewNetwork(t, "port 0")
	a, b := newTestTransport(t, network), newTestTransport(t, network)
	mustListen(t, a, "127.0.0.1:0")
	mustSend(t, a, "127.0.0.1:0")
	expectStats(t, a, "port 0", func(s transport.PacketStats) bool { return s.SendFailed == 1 && s.Sent == 0 })
	mustSend(t, a, mustListen(t, b, "127.0.0.1:0").Addr())
	mustReceive(t, b)
}

// TestWhatWasSentBeforeCloseArrives sends a last word.
func TestWhatWasSentBeforeCloseArrives(t *testing.T) {
	network := identitytest.NewNetwork(t, "last")
	b := newTestTransport(t, network)
	addr := mustListen(t, b, "127.0.0.1:0").Addr()
	for range 20 {
		a := newTestTransport(t, network)
		mustSend(t, a, addr)
		_ = a.Close()
		mustReceive(t, b)
	}
}

// TestPacketsDoNotLeaveByADeadSocket has one that quic-go reads no more.
func TestPacketsDoNotLeaveByADeadSocket(t *testing.T) {
	network := identitytest.NewNetwork(t, "dead socket")
	a, b := newTestTransport(t, network), newTestTransport(t, network)
	addr := mustListen(t, b, "127.0.0.1:0").Addr()
	mustSend(t, a, addr)
	mustReceive(t, b)
	dead := a.sockets[0]
	_ = dead.quic.Close()
	dead.reading.Wait()
	mustSend(t, a, addr)
	mustSend(t, b, mustReceive(t, b))
	mustReceive(t, a)
	dead.writing.Wait() // it was closed
	if len(a.sockets) != 1 || a.sockets[0] == dead {
		t.Error("the dead socket is there still")
	}
}

func TestPacketsGoToNumbers(t *testing.T) {
	a := newTestTransport(t, identitytest.NewNetwork(t, "names"))
	for _, to := range []string{"localhost:1", "127.0.0.1", "[::1", "127.0.0.1:http", ":1", "quic://127.0.0.1:1"} {
		if err := a.SendPacket(to, word); !errors.Is(err, transport.ErrNetwork) || !strings.Contains(err.Error(), to) {
			t.Errorf("%s: %v", to, err)
		}
	}
	if len(a.sockets) != 0 {
		t.Errorf("%d sockets were opened", len(a.sockets))
	}
}
