package remote

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/project-iris/iris/overlay/wire"
	"github.com/project-iris/iris/transport"
)

// What waits for a link is bounded, comes in order and once, and goes with its node.
func TestUnsent(t *testing.T) {
	u := NewUnsent()
	one, two := transport.PeerID{1}, transport.PeerID{2}
	for i := range 2 * mostUnsent {
		if ok := u.Add(one, &wire.Digest{Sequence: uint64(i)}); ok != (i < mostUnsent) {
			t.Fatalf("message %d was kept: %v", i, ok)
		}
	}
	u.Add(two, &wire.Digest{})
	u.Prune(func(id transport.PeerID) bool { return id == one })
	if len(u.Take(two)) > 0 {
		t.Error("something waits for a node that is gone")
	}
	waiting := u.Take(one)
	for i, m := range waiting {
		if m.(*wire.Digest).Sequence != uint64(i) {
			t.Fatalf("message %d is %+v", i, m)
		}
	}
	if len(waiting) != mostUnsent || len(u.Take(one)) > 0 {
		t.Errorf("%d messages waited, %d are left", len(waiting), len(u.Take(one)))
	}
}

// Nodes that something waits for are looked at again and again, until nothing waits.
func TestUnsentLooksAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		u, one := NewUnsent(), transport.PeerID{1}
		ctx, cancel := context.WithCancel(t.Context())
		ended, looks := make(chan struct{}), 0
		go func() {
			defer close(ended)
			u.Run(ctx, func(to transport.PeerID) {
				if looks++; to != one {
					t.Errorf("something waits for node %v", to)
				}
				if looks%3 == 0 {
					u.Take(to)
				}
			})
		}()
		time.Sleep(time.Hour)
		for round := 1; round <= 2; round++ {
			begin := time.Now()
			u.Add(one, &wire.Digest{})
			time.Sleep(3 * lookAgain)
			synctest.Wait()
			if looks != 3*round {
				t.Errorf("%d looks in %v, want %d", looks, time.Since(begin), 3*round)
			}
			time.Sleep(time.Hour)
		}
		if cancel(); looks != 6 {
			t.Errorf("%d looks, want none while nothing waits", looks-6)
		}
		<-ended
	})
}
