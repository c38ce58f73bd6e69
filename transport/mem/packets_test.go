package mem_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/project-iris/iris/transport"
	"github.com/project-iris/iris/transport/mem"
)

// numbered is a packet with a number in it.
func numbered(n int) []byte { return []byte{transport.MinPacketByte, byte(n >> 8), byte(n)} }

func mustSend(t *testing.T, from *mem.Transport, to string, b []byte) {
	t.Helper()
	if err := from.SendPacket(to, b); err != nil {
		t.Fatal(err)
	}
}

// received are the numbers of the packets that arrive within a time.
func received(t *testing.T, node *mem.Transport, within time.Duration) (numbers []int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), within)
	defer cancel()
	for {
		b, _, err := node.ReceivePacket(ctx)
		if err != nil {
			return numbers
		}
		numbers = append(numbers, int(b[1])<<8|int(b[2]))
	}
}

// pairOf is two nodes without a link, the second of which listens.
func pairOf(t *testing.T, config mem.Config) (network *mem.Network, a, b *mem.Transport) {
	t.Helper()
	network = mem.NewNetwork(config)
	a, b = network.Node(transport.PeerID{1}), network.Node(transport.PeerID{2})
	t.Cleanup(func() {
		_ = a.Close()
		_ = b.Close()
	})
	if _, err := b.Listen(t.Context(), "b"); err != nil {
		t.Fatal(err)
	}
	return network, a, b
}

// TestPacketsTakeTheirTime has packets in order where there is no jitter, and nothing but
// the delay between them.
func TestPacketsTakeTheirTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const delay = 70 * time.Millisecond
		_, a, b := pairOf(t, mem.Config{Path: mem.Path{Delay: delay}})
		for n := range 100 {
			mustSend(t, a, "b", numbered(n))
		}
		if early := received(t, b, delay-1); len(early) > 0 {
			t.Errorf("%d packets came too early", len(early))
		}
		for i, n := range received(t, b, time.Second) {
			if i != n {
				t.Fatalf("packet %d came as number %d", n, i)
			}
		}
		if stats := b.PacketStats(); stats.Received != 100 {
			t.Errorf("%+v", stats)
		}
	})
}

func TestPacketsAreLostAndOvertakenByChance(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, a, b := pairOf(t, mem.Config{Path: mem.Path{Jitter: 10 * time.Millisecond, Loss: 0.25}})
		const sent = 10_000
		arrived, overtaken := 0, 0
		for n := range sent / 100 {
			for i := range 100 {
				mustSend(t, a, "b", numbered(100*n+i))
			}
			last := -1
			for _, number := range received(t, b, 10*time.Millisecond+1) {
				arrived++
				if number < last {
					overtaken++
				}
				last = number
			}
		}
		if part := float64(arrived) / sent; part < 0.73 || part > 0.77 || overtaken < sent/10 {
			t.Errorf("%.3f of the packets arrived with a loss of 0.25, %d were overtaken", part, overtaken)
		}
	})
}

func TestAPartitionLosesPackets(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		network, a, b := pairOf(t, mem.Config{Path: mem.Path{Delay: time.Second}})
		mustSend(t, a, "b", numbered(1)) // which is under way then
		network.Partition([]transport.PeerID{a.ID()}, []transport.PeerID{b.ID()})
		time.Sleep(time.Minute) // virtual
		mustSend(t, a, "b", numbered(2))
		network.Heal()
		mustSend(t, a, "b", numbered(3))
		if got := received(t, b, time.Minute); len(got) != 1 || got[0] != 3 {
			t.Errorf("packets %v arrived, want the third", got)
		}
	})
}

// TestWherePacketsComeFrom has nodes that listen, and such that do not.
func TestWherePacketsComeFrom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, a, b := pairOf(t, mem.Config{})
		from := func(node, by *mem.Transport, to string) string {
			mustSend(t, by, to, numbered(1))
			_, from, err := node.ReceivePacket(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			return from
		}
		if got := from(b, a, "b"); got != a.ID().String() {
			t.Errorf("from %s, want the id", got)
		}
		if got := from(a, b, a.ID().String()); got != "b" {
			t.Errorf("from %s, want b", got)
		}
		if got := from(a, b, a.ID().Short()); got != "b" {
			t.Errorf("to where a link comes from: from %s, want b", got)
		}
		for _, addr := range []string{"z", "a"} {
			if _, err := a.Listen(t.Context(), addr); err != nil {
				t.Fatal(err)
			}
		}
		if got := from(b, a, "b"); got != "a" {
			t.Errorf("from %s, want a", got)
		}
	})
}

// TestAKilledNodeGetsNoPackets has its successor get what is sent to its address.
func TestAKilledNodeGetsNoPackets(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		network, a, b := pairOf(t, mem.Config{Path: mem.Path{Delay: time.Second}})
		mustSend(t, a, "b", numbered(1))
		b.Kill()
		if _, _, err := b.ReceivePacket(t.Context()); err != transport.ErrClosed {
			t.Errorf("a killed node receives: %v", err)
		}
		time.Sleep(time.Minute) // virtual
		reborn := network.Node(b.ID())
		defer reborn.Close()
		if _, err := reborn.Listen(t.Context(), "b"); err != nil {
			t.Fatal(err)
		}
		mustSend(t, a, "b", numbered(2))
		if got := received(t, reborn, time.Minute); len(got) != 1 || got[0] != 2 {
			t.Errorf("packets %v arrived, want the second", got)
		}
	})
}

// TestTheSameSeedLosesTheSamePackets sends them twice.
func TestTheSameSeedLosesTheSamePackets(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var runs [2][]int
		for i := range runs {
			_, a, b := pairOf(t, mem.Config{Seed: 7, Path: mem.Path{Loss: 0.5, Jitter: time.Second}})
			for n := range 100 {
				mustSend(t, a, "b", numbered(n))
			}
			runs[i] = received(t, b, 2*time.Second)
		}
		if len(runs[0]) < 20 || len(runs[0]) > 80 {
			t.Fatalf("%d of 100 packets arrived", len(runs[0]))
		}
		for i, n := range runs[0] {
			if len(runs[1]) != len(runs[0]) || runs[1][i] != n {
				t.Fatalf("%v arrived, and then %v", runs[0], runs[1])
			}
		}
	})
}

func TestPacketsThatNobodyReceivesAreDropped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, a, b := pairOf(t, mem.Config{})
		for n := range 1000 {
			mustSend(t, a, "b", numbered(n))
		}
		got := received(t, b, time.Second)
		if stats := b.PacketStats(); len(got) == 0 || got[len(got)-1] != len(got)-1 || stats.Received+stats.ReceiveQueueFull != 1000 {
			t.Errorf("%d packets arrived, %+v", len(got), stats)
		}
		mustSend(t, a, "b", numbered(1000))
		if got := received(t, b, time.Second); len(got) != 1 || got[0] != 1000 {
			t.Errorf("packets %v arrived after that, want one", got)
		}
	})
}
