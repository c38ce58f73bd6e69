package backoff

import (
	"slices"
	"testing"
	"time"
)

func TestWaitsDouble(t *testing.T) {
	b := Backoff{Least: time.Second, Most: 5 * time.Second}
	for round := range 2 {
		var waits []time.Duration
		for i := range 5 {
			waits = append(waits, b.Next())
			if b.First() != (i == 0) {
				t.Errorf("round %d: wait %d is the first: %v", round, i, b.First())
			}
		}
		if want := []time.Duration{1e9, 2e9, 4e9, 5e9, 5e9}; !slices.Equal(waits, want) {
			t.Errorf("round %d: waits %v, want %v", round, waits, want)
		}
		b.Reset()
	}
}
