package transporttest

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/project-iris/iris/transport"
)

var packetChecks = []check{
	{"packets go both ways", testPacketsBothWays},
	{"an answer goes where a packet came from", testPacketAnswer},
	{"packets wait for who reads them", testPacketsWait},
	{"packets have limits", testPacketLimits},
	{"packets never block", testPacketFlood},
	{"packets need an address", testPacketAddresses},
	{"packets to nobody end nothing", testPacketsToNobody},
	{"contexts end what waits for packets", testPacketContexts},
	{"a closed transport wakes who waits for packets", testPacketClose},
}

// RunPackets runs the suite of transport.Packets, which both transports of a Pair have to
// implement.
func RunPackets(t *testing.T, setup func(t *testing.T) Pair) { run(t, packetChecks, setup) }

// RunPacketsVirtual is RunPackets with each test in a testing/synctest bubble.
func RunPacketsVirtual(t *testing.T, setup func(t *testing.T) Pair) {
	runVirtual(t, packetChecks, setup)
}

// packets are both sides, and an address of B.
func (p *pair) packets(t *testing.T) (a, b transport.Packets, addr string) {
	t.Helper()
	a, isA := p.A.(transport.Packets)
	b, isB := p.B.(transport.Packets)
	if !isA || !isB {
		t.Fatal("the transports do not implement transport.Packets")
	}
	addr, _, _ = strings.Cut(p.listener.Addr(), ",")
	return a, b, addr
}

// packet is one of some bytes, which differ from those of another number.
func packet(size, number int) []byte {
	b := pattern(size + number)[number:]
	b[0] = transport.MinPacketByte | b[0]&0x1f
	return b
}

// sendUntilArrived repeats a packet until it arrives: each may be lost. It returns where it
// came from. Others that arrive are passed over.
func sendUntilArrived(t *testing.T, from, to transport.Packets, addr string, content []byte) (source string) {
	t.Helper()
	for range 100 {
		sent := bytes.Clone(content)
		if err := from.SendPacket(addr, sent); err != nil {
			t.Fatalf("send a packet of %d bytes: %v", len(content), err)
		}
		clear(sent) // which is the sender's again
		ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
		for {
			got, source, err := to.ReceivePacket(ctx)
			if err == nil && bytes.Equal(got, content) {
				cancel()
				return source
			}
			if err == nil {
				continue
			}
			if !errors.Is(err, context.DeadlineExceeded) {
				t.Fatalf("receive a packet: %v", err)
			}
			break
		}
		cancel()
	}
	t.Fatalf("a packet of %d bytes never arrives whole", len(content))
	return ""
}

func testPacketsBothWays(t *testing.T, p *pair) {
	a, b, addr := p.packets(t)
	for i, size := range []int{1, 100, transport.MaxPacket} {
		there := sendUntilArrived(t, a, b, addr, packet(size, i))
		sendUntilArrived(t, b, a, there, packet(size, i+10))
	}
	for side, stats := range []transport.PacketStats{a.PacketStats(), b.PacketStats()} {
		if stats.Sent < 3 || stats.Received < 3 || stats.Foreign+stats.SendFailed+stats.SendQueueFull > 0 {
			t.Errorf("side %d: %+v", side, stats)
		}
	}
}

// testPacketAnswer has the answer to an answer go on between the same two addresses, also
// when there is a link.
func testPacketAnswer(t *testing.T, p *pair) {
	a, b, addr := p.packets(t)
	p.connect(t)
	there := sendUntilArrived(t, a, b, addr, packet(10, 0))
	if here := sendUntilArrived(t, b, a, there, packet(10, 1)); here != addr {
		t.Errorf("a packet to %s is answered from %s", addr, here)
	}
	if again := sendUntilArrived(t, a, b, addr, packet(10, 2)); again != there {
		t.Errorf("packets of one sender come from %s and %s", there, again)
	}
}

// testPacketsWait has several packets wait at once, again and again until none of them is
// lost.
func testPacketsWait(t *testing.T, p *pair) {
	a, b, addr := p.packets(t)
	contents := [][]byte{packet(40, 0), packet(40, 1), packet(7, 2)}
	for range 100 {
		for _, content := range contents {
			sent := bytes.Clone(content)
			if err := a.SendPacket(addr, sent); err != nil {
				t.Fatal(err)
			}
			clear(sent)
		}
		if receiveAll(t, b, contents) {
			return
		}
	}
	t.Fatal("three packets never arrive all")
}

// receiveAll receives what arrives soon, which must be of the contents, and says whether all
// of them have arrived. It looks at them when the last one is there.
func receiveAll(t *testing.T, to transport.Packets, contents [][]byte) bool {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
	defer cancel()
	var got [][]byte
	for range contents {
		b, _, err := to.ReceivePacket(ctx)
		if err != nil {
			break
		}
		got = append(got, b)
	}
	seen := make(map[string]bool)
	for _, b := range got {
		if !slices.ContainsFunc(contents, func(content []byte) bool { return bytes.Equal(content, b) }) {
			t.Fatalf("a packet was sent as none of %x: %x", contents, b)
		}
		seen[string(b)] = true
	}
	return len(seen) == len(contents)
}

func testPacketLimits(t *testing.T, p *pair) {
	a, _, addr := p.packets(t)
	for name, content := range map[string][]byte{
		"an empty packet":            nil,
		"a byte too many":            packet(transport.MaxPacket+1, 0),
		"a first byte that is small": {transport.MinPacketByte - 1, 1},
		"a first byte that is large": {transport.MaxPacketByte + 1, 1},
	} {
		expectError(t, name, a.SendPacket(addr, content), transport.ErrPacket)
	}
	if stats := a.PacketStats(); stats != (transport.PacketStats{}) {
		t.Errorf("%+v", stats)
	}
}

// testPacketFlood sends more than any queue holds to a node that does not receive, which
// receives on when it does.
func testPacketFlood(t *testing.T, p *pair) {
	a, b, addr := p.packets(t)
	linkA, linkB := p.connect(t)
	sendUntilArrived(t, a, b, addr, packet(10, 0))
	var g group
	g.Go(func() {
		content := packet(transport.MaxPacket, 1)
		for range 5000 {
			if err := a.SendPacket(addr, content); err != nil {
				t.Errorf("send: %v", err)
				return
			}
		}
	})
	g.wait(t, "packets nobody receives")
	opened, accepted := openStream(t, linkA, linkB)
	mustWrite(t, opened, []byte("alive"))
	mustRead(t, accepted, []byte("alive"))
	sendUntilArrived(t, a, b, addr, packet(10, 2))
	if stats := b.PacketStats(); stats.Received > 4000 {
		t.Errorf("nobody received, and nothing was dropped: %+v", stats)
	}
}

func testPacketAddresses(t *testing.T, p *pair) {
	a, _, addr := p.packets(t)
	scheme, _ := transport.SplitAddr(addr)
	for _, bad := range []string{"", "no such place"} {
		if scheme != "" {
			bad = transport.JoinAddr(scheme, bad)
		}
		if err := a.SendPacket(bad, packet(10, 0)); bad == "" && err == nil {
			t.Error("a packet to no address is sent")
		} else if err != nil {
			expectError(t, "a packet to "+bad, err, transport.ErrNetwork)
		}
	}
}

// testPacketsToNobody sends where B has listened before.
func testPacketsToNobody(t *testing.T, p *pair) {
	a, b, addr := p.packets(t)
	if err := p.B.Close(); err != nil {
		t.Fatal(err)
	}
	for range 100 {
		if err := a.SendPacket(addr, packet(10, 0)); err != nil {
			t.Errorf("a packet to nobody: %v", err)
		}
	}
	expectError(t, "a packet of a closed transport", b.SendPacket(addr, packet(10, 0)), transport.ErrClosed)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	_, _, err := a.ReceivePacket(ctx)
	expectError(t, "what comes of it", err, context.DeadlineExceeded)
}

func testPacketContexts(t *testing.T, p *pair) {
	a, b, addr := p.packets(t)
	ctx, cancel := context.WithCancel(t.Context())
	var g group
	g.Go(func() {
		_, _, err := b.ReceivePacket(ctx)
		expectError(t, "receive", err, context.Canceled)
	})
	cancel()
	g.wait(t, "a wait that was cancelled")
	sendUntilArrived(t, a, b, addr, packet(10, 0))
}

// testPacketClose closes one side while it waits, and the other side before.
func testPacketClose(t *testing.T, p *pair) {
	a, b, _ := p.packets(t)
	var g group
	for range 2 {
		g.Go(func() {
			_, _, err := b.ReceivePacket(t.Context())
			expectError(t, "receive while it is closed", err, transport.ErrClosed)
		})
	}
	waitForWaiting(t, "testPacketClose.func", 2)
	p.close(t)
	g.wait(t, "who waits for packets")
	_, _, err := a.ReceivePacket(t.Context())
	expectError(t, "receive after Close", err, transport.ErrClosed)
}

// waitForWaiting waits until as many goroutines of a function wait for one of several things.
func waitForWaiting(t *testing.T, function string, count int) {
	t.Helper()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	limit := time.After(patience)
	for {
		waiting := 0
		for stack := range strings.SplitSeq(stacks(), "\n\n") {
			if head, _, _ := strings.Cut(stack, "\n"); strings.Contains(head, "[select") && strings.Contains(stack, function) {
				waiting++
			}
		}
		if waiting >= count {
			return
		}
		select {
		case <-tick.C:
		case <-limit:
			t.Fatalf("%d goroutines wait in %s, not %d\n%s", waiting, function, count, stacks())
		}
	}
}
