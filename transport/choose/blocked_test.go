package choose

import (
	"fmt"
	"testing"
	"time"
)

// Memory is bounded, and what is forgotten for it is what would be forgotten first.
func TestBlockedPlacesAreBounded(t *testing.T) {
	var b blocked
	now := time.Unix(1_700_000_000, 0)
	at := func(n int) place { return place{"quic", fmt.Sprint("host", n)} }
	for n := range maxBlocked {
		b.note(at(n), now, now.Add(time.Hour+time.Duration(n)))
	}
	b.note(at(1), now, now.Add(2*time.Hour)) // needs no room
	if len(b.until) != maxBlocked {
		t.Errorf("%d places are remembered after one was noted again, want %d", len(b.until), maxBlocked)
	}
	b.note(at(maxBlocked), now, now.Add(3*time.Hour))
	if len(b.until) != maxBlocked || b.has(at(0), now) || !b.has(at(1), now) || !b.has(at(maxBlocked), now) {
		t.Errorf("%d places are remembered, want %d without the oldest", len(b.until), maxBlocked)
	}
}
