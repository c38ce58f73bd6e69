package node

import (
	"context"
	"testing"
	"time"
)

// Of little memory half is handed out, of much all but a quarter and what names and requests take;
// and one application can always have a message of a quarter of the memory, as it grows.
func TestHowMuchMemoryIsHandedOut(t *testing.T) {
	for memory, want := range map[int64]int64{
		32 << 20: 16 << 20, 192 << 20: 96 << 20, 640 << 20: 320 << 20, 1 << 30: 608 << 20, 16 << 30: 12<<30 - 160<<20,
	} {
		b := newMemory(memory)
		if got := b.Stats().Limit; got != want {
			t.Errorf("of %d MiB %d are handed out, want %d", memory>>20, got>>20, want>>20)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Nanosecond)
		if err := b.Holder().Wait(ctx, memory/4+memory/8); err != nil {
			t.Errorf("of %d MiB: %v", memory>>20, err)
		}
		cancel()
	}
	if newMemory(0) != nil {
		t.Error("a node without a limit has one")
	}
}
