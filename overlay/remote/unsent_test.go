package remote

import (
	"testing"

	"github.com/project-iris/iris/overlay/wire"
	"github.com/project-iris/iris/transport"
)

// What waits for a link is bounded, comes in order and once, and goes with its node.
func TestUnsent(t *testing.T) {
	var u Unsent
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
