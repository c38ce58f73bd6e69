package sealed

import (
	"math"
	"math/rand/v2"
	"testing"
)

func TestWindow(t *testing.T) {
	type step struct {
		epoch, counter uint64
		want           error
	}
	for _, row := range []struct {
		name  string
		steps []step
	}{
		{"in order", []step{{1, 1, nil}, {1, 2, nil}, {1, 3, nil}, {1, 2, ErrReplayed}}},
		{"the first is not counter 1", []step{{1, 5000, nil}, {1, 4999, nil}, {1, 5000 - Window + 1, nil}, {1, 5000 - Window, ErrTooOld}}},
		{"a jump of one word", []step{{1, 63, nil}, {1, 64, nil}, {1, 63, ErrReplayed}, {1, 64, ErrReplayed}, {1, 62, nil}}},
		{"a jump of the whole window", []step{{1, 10, nil}, {1, 10 + Window, nil}, {1, 10, ErrTooOld}, {1, 11, nil}, {1, 11, ErrReplayed}}},
		{"a jump of the whole ring", []step{{1, 10, nil}, {1, 10 + words*wordBits, nil}, {1, 10 + words*wordBits - 1, nil}}},
		{"a jump to the end", []step{{1, 1, nil}, {1, math.MaxUint64, nil}, {1, math.MaxUint64, ErrReplayed}, {1, math.MaxUint64 - 1, nil}, {1, 0, ErrTooOld}}},
		{"a newer epoch", []step{{1, 900, nil}, {2, 3, nil}, {2, 2, nil}, {2, 900, nil}, {1, 901, ErrOldEpoch}, {2, 901, nil}}},
		{"the last epoch", []step{{math.MaxUint64, 1, nil}, {1, 2, ErrOldEpoch}, {math.MaxUint64, 2, nil}}},
		{"what nobody sends", []step{{0, 0, nil}, {0, 0, ErrReplayed}, {0, 1, nil}}},
	} {
		var w window
		for i, s := range row.steps {
			if err := w.accept(s.epoch, s.counter); err != s.want {
				t.Errorf("%s: step %d: %v; want %v", row.name, i, err, s.want)
			}
		}
	}
}

// TestTheWindowIsLikeASet compares it with a set of all counters that have come.
func TestTheWindowIsLikeASet(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	var w window
	seen, newest := make(map[uint64]bool), uint64(0)
	for range 200_000 {
		counter := newest + 1 + random.Uint64N(3)
		switch random.IntN(1000) {
		case 0:
			counter += random.Uint64N(2 * Window)
		default:
			counter -= min(counter, random.Uint64N(Window+100))
		}
		var want error
		switch {
		case counter+Window <= newest:
			want = ErrTooOld
		case seen[counter]:
			want = ErrReplayed
		default:
			seen[counter], newest = true, max(newest, counter)
		}
		if err := w.accept(0, counter); err != want {
			t.Fatalf("counter %d with newest %d: %v; want %v", counter, newest, err, want)
		}
	}
}
