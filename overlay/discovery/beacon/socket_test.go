package beacon

import (
	"testing"
	"time"
)

// However many packets come, a socket reads a bounded number of them in a time; of few it
// reads all without a rest.
func TestASocketReadsNoFasterThanItMay(t *testing.T) {
	for _, row := range []struct {
		name  string
		every time.Duration // a packet comes, at least
		most  int           // read in a second
		least int
	}{
		{"a flood", time.Microsecond, int(time.Second/readWindow+1) * readBatch, int(time.Second/readWindow-1) * readBatch},
		{"as many as it may", readWindow / (readBatch - 1), 10_000, 9_900},
		{"few", time.Millisecond, 1000, 1000},
	} {
		var p throttle
		read, now := 0, noon
		for ; now.Sub(noon) < time.Second; now = now.Add(row.every) {
			now = now.Add(p.next(now))
			read++
		}
		if read < row.least || read > row.most {
			t.Errorf("%s: %d packets in a second, want %d to %d", row.name, read, row.least, row.most)
		}
	}
}
