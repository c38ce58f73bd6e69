package plugins

import (
	"slices"
	"testing"
	"time"
)

// The pauses grow to their bound while a plugin crashes soon after its start, and begin
// anew after one that ran for longer than a minute.
func TestBackoff(t *testing.T) {
	pauses := newBackoff(time.Second, 5*time.Second)
	var got []float64
	for _, ran := range []time.Duration{0, 0, time.Minute, 0, 0, time.Minute + 1, 0} {
		pauses.ran(ran)
		got = append(got, pauses.next().Seconds())
	}
	if want := []float64{1, 2, 4, 5, 5, 1, 2}; !slices.Equal(got, want) {
		t.Errorf("pauses of %v seconds, want %v", got, want)
	}
}
