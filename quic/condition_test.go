package quic

import (
	"net/netip"
	"slices"
	"testing"
	"time"
)

// Paths are told as long as they count as narrow.
func TestNarrowPathsAreTold(t *testing.T) {
	var n narrowPaths
	now := time.Now()
	a, b := netip.MustParseAddr("10.0.0.1"), netip.MustParseAddr("10.0.0.2")
	n.note(b, now)
	n.note(a, now.Add(time.Minute))
	if got := n.all(now.Add(time.Minute)); !slices.Equal(got, []netip.Addr{a, b}) {
		t.Errorf("narrow are %v", got)
	}
	if got := n.all(now.Add(narrowTime)); !slices.Equal(got, []netip.Addr{a}) {
		t.Errorf("later narrow are %v", got)
	}
}
