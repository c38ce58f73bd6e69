package node

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/project-iris/iris/relay/wire"
)

// Three quarters of the memory are handed out; one application can always have a message of a
// quarter of it, as it grows, and others can have it waiting beside.
func TestHowMuchMemoryIsHandedOut(t *testing.T) {
	for memory, want := range map[int64]int64{
		32 << 20: 24 << 20, 256 << 20: 192 << 20, 1 << 30: 768 << 20, 16 << 30: 12 << 30,
	} {
		b := newMemory(memory)
		if got := b.Stats().Limit; got != want {
			t.Errorf("of %d MiB %d are handed out, want %d", memory>>20, got>>20, want>>20)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Nanosecond)
		reader := b.Holder()
		if err := reader.Wait(ctx, memory/4+memory/8); err != nil {
			t.Errorf("of %d MiB: %v", memory>>20, err)
		}
		cancel()
		reader.Give(memory / 8)
		if err := b.Holder().Take(memory / 4); err != nil {
			t.Errorf("of %d MiB, for one who waits: %v", memory>>20, err)
		}
	}
	if newMemory(0) != nil {
		t.Error("a node without a limit has one")
	}
}

// The longest message, which is a quarter of the memory of a node, reaches all who are subscribed
// to it, at its node and at another one, and nothing is taken when they have it.
func TestTheLongestMessageIsDelivered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const memory = 32 << 20
		_, here, there := startTwoRelays(t, memory)
		publisher := here.attach(t, "")
		var subscribers []*pipeApp
		for _, n := range []*relayNode{here, here, here, there, there} {
			s := n.attach(t, "")
			s.send(&wire.Subscribe{Topic: []byte("long")}, &wire.Publish{Topic: []byte("long"), Event: []byte("begin")})
			subscribers = append(subscribers, s)
			for _, other := range subscribers {
				other.expect(&wire.Publish{Topic: []byte("long"), Event: []byte("begin")})
			}
		}
		long := &wire.Publish{Topic: []byte("long"), Event: make([]byte, memory/4)}
		for range 3 {
			sent := make(chan struct{})
			go func() {
				defer close(sent)
				publisher.send(long)
			}()
			for _, s := range subscribers {
				s.expect(long)
			}
			<-sent
		}
	})
}
