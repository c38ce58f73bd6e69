package sealed

import (
	"testing"

	"github.com/project-iris/iris/transport"
)

// TestPacketsAllocateNothing seals, opens and refuses. The race detector drops what is
// pooled at random.
func TestPacketsAllocateNothing(t *testing.T) {
	if raceEnabled {
		t.Skip("sync.Pool allocates under the race detector")
	}
	a, b := newBox(t, alice, newer), newBox(t, bob, ours, newer)
	dst, payload := make([]byte, 0, transport.MaxPacket), make([]byte, MaxPayload)
	garbage := make([]byte, transport.MaxPacket)
	garbage[0] = version
	if _, _, err := b.Open(mustSeal(t, a, bob, "")); err != nil { // the sender is known then
		t.Fatal(err)
	}
	if n := testing.AllocsPerRun(100, func() {
		packet, err := a.Seal(dst, bob, payload)
		if err != nil {
			t.Fatal(err)
		}
		if _, _, err := b.Open(packet); err != nil {
			t.Fatal(err)
		}
		if _, _, err := b.Open(garbage); err != ErrSeal {
			t.Fatal(err)
		}
	}); n != 0 {
		t.Errorf("%v allocations for a packet", n)
	}
}

func BenchmarkSeal(b *testing.B) {
	box := newBox(b, alice, ours)
	dst, payload := make([]byte, 0, transport.MaxPacket), make([]byte, 500)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := box.Seal(dst, bob, payload); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkSealAndOpen is a packet's whole way.
func BenchmarkSealAndOpen(b *testing.B) {
	from, to := newBox(b, alice, ours), newBox(b, bob, ours)
	dst, payload := make([]byte, 0, transport.MaxPacket), make([]byte, 500)
	b.ReportAllocs()
	for b.Loop() {
		packet, _ := from.Seal(dst, bob, payload)
		if _, _, err := to.Open(packet); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkRefuse is what a forged packet costs, with as many secrets as there can be.
func BenchmarkRefuse(b *testing.B) {
	box := newBox(b, bob, make([][32]byte, MaxSecrets)...)
	garbage := make([]byte, transport.MaxPacket)
	garbage[0] = version
	b.ReportAllocs()
	for b.Loop() {
		if _, _, err := box.Open(garbage); err != ErrSeal {
			b.Fatal(err)
		}
	}
}
