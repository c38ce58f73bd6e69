package simulate

import (
	"flag"
	"fmt"
	"runtime/debug"
	"slices"
	"strings"
	"testing"
	"time"
)

var (
	seeds     = flag.Int("seeds", 0, "how many histories TestHistories runs; 0: 2,000, and 50 with the race detector, which finds nothing in one goroutine")
	firstSeed = flag.Uint64("seed", 1, "the seed of the first")
	only      = flag.String("promise", "", "the only promise that TestHistories looks at; default: all")
)

// result is what came of a history.
type result struct {
	broken []string
	events int
	sum    uint64
}

// run plays a plan. What a state machine panics for is broken as well.
func run(p plan, trace *strings.Builder) (r result) {
	w := newWorld(p, trace)
	defer func() {
		if err := recover(); err != nil {
			r = result{[]string{fmt.Sprint("no node panics: ", err)}, w.events, w.sum}
		}
	}()
	broken := w.play()
	return result{broken, w.events, w.sum}
}

// Random histories of whole nodes. A history that breaks a promise is shrunk, and told.
func TestHistories(t *testing.T) {
	defer debug.SetGCPercent(debug.SetGCPercent(400))
	histories := *seeds
	switch {
	case histories > 0:
	case raceEnabled:
		histories = 50
	default:
		histories = 2000
	}
	began, events, fewest := time.Now(), 0, 1<<62
	for i := range histories {
		seed := *firstSeed + uint64(i)
		p := newPlan(seed)
		r := run(p, nil)
		events += r.events
		fewest = min(fewest, r.events)
		if *only != "" {
			r.broken = slices.DeleteFunc(r.broken, func(why string) bool { return !strings.HasPrefix(why, *only+":") })
		}
		if len(r.broken) > 0 {
			tell(t, p, r)
			return
		}
	}
	if took := time.Since(began); testing.Verbose() {
		t.Logf("%d histories of %d events in the mean, %d at least, in %v: %.0f a second", histories, events/histories, fewest, took, float64(histories)/took.Seconds())
	}
	if fewest < 200 {
		t.Errorf("a history has %d events, want 200 at least", fewest)
	}
}

// tell says what a history has broken, and by how little it is broken too.
func tell(t *testing.T, p plan, r result) {
	t.Helper()
	promise, _, _ := strings.Cut(r.broken[0], ":")
	small := shrink(p, promise)
	var trace strings.Builder
	again := run(small, &trace)
	var steps strings.Builder
	for _, s := range small.steps {
		fmt.Fprintln(&steps, "  ", s)
	}
	const most = 12000
	text := trace.String()
	if len(text) > most {
		text = text[:most] + "…\n"
	}
	t.Fatalf("seed %d, %d nodes, breaks %q:\n%s\n%d of %d steps are enough:\n%s%s\n%s\nreplay with: go test ./overlay/simulate -run '^TestHistories$' -seeds 1 -seed %d",
		p.seed, p.nodes, promise, strings.Join(r.broken, "\n"), len(small.steps), len(p.steps), &steps, text, strings.Join(again.broken, "\n"), p.seed)
}

// shrink leaves steps out of a plan, as long as the same promise is broken.
func shrink(p plan, promise string) plan {
	return shrinkWhile(p, func(p plan) bool {
		return slices.ContainsFunc(run(p, nil).broken, func(why string) bool { return strings.HasPrefix(why, promise+":") })
	})
}

// shrinkWhile leaves steps out of a plan as long as it breaks what it did.
func shrinkWhile(p plan, breaks func(p plan) bool) plan {
	tries := 0
	for size := (len(p.steps) + 1) / 2; size > 0; size /= 2 {
		for at := 0; at < len(p.steps) && tries < 600; {
			less := p
			less.steps = slices.Concat(p.steps[:at], p.steps[min(at+size, len(p.steps)):])
			if tries++; breaks(less) {
				p = less
			} else {
				at += size
			}
		}
	}
	return p
}

// A seed gives one history: all that happens, and when.
func TestASeedReplays(t *testing.T) {
	for seed := uint64(1); seed <= 70; seed++ {
		one, other := run(newPlan(seed), nil), run(newPlan(seed), nil)
		if one.sum != other.sum || one.events != other.events {
			var a, b strings.Builder
			run(newPlan(seed), &a)
			run(newPlan(seed), &b)
			x, y := strings.Split(a.String(), "\n"), strings.Split(b.String(), "\n")
			for i := range min(len(x), len(y)) {
				if x[i] != y[i] {
					t.Fatalf("seed %d: line %d is %q and %q", seed, i, x[i], y[i])
				}
			}
			t.Fatalf("seed %d gives %d and %d events", seed, one.events, other.events)
		}
	}
}

// Shrinking keeps what breaks a promise, and leaves out what does not.
func TestShrink(t *testing.T) {
	p := newPlan(1)
	p.steps = p.steps[:20]
	culprit := p.steps[13]
	breaks := func(p plan) bool { return slices.Contains(p.steps, culprit) }
	if small := shrinkWhile(p, breaks); len(small.steps) != 1 || small.steps[0] != culprit {
		t.Errorf("shrunk to %v, want %v", small.steps, culprit)
	}
}
