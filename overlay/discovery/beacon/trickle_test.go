package beacon

import (
	"math/rand/v2"
	"testing"
	"time"
)

func newTrickle(seed uint64) *trickle {
	t := &trickle{random: rand.New(rand.NewPCG(seed, 0))}
	t.start(noon, IntervalMin)
	return t
}

// turn goes on to the next time that something is due.
func (t *trickle) turn() (now time.Time, speak bool) {
	now = t.due()
	return now, t.step(now)
}

// RFC 6206, section 4.2: an announcement in the second half of each interval, which
// doubles up to the longest.
func TestIntervalsDoubleAndHaveOneAnnouncement(t *testing.T) {
	for seed := range uint64(20) {
		tr := newTrickle(seed)
		begin := noon
		for n, want := 0, IntervalMin; n < 12; n, want = n+1, min(2*want, IntervalMax) {
			at, speak := tr.turn()
			if into := at.Sub(begin); !speak || into < want/2 || into >= want {
				t.Fatalf("interval %d: speaks %v after %v, want it in the second half of %v", n, speak, into, want)
			}
			end, speak := tr.turn()
			if speak || end.Sub(begin) != want {
				t.Fatalf("interval %d: speaks %v at its end after %v, want %v", n, speak, end.Sub(begin), want)
			}
			begin = end
		}
	}
}

func TestWhoHasHeardEnoughIsQuiet(t *testing.T) {
	for _, row := range []struct {
		members, strangers int
		speak              bool
	}{
		{0, 0, true},
		{redundancy - 1, 0, true},
		{redundancy, 0, false},
		{0, redundancy, true},
		{0, crowd - 1, true},
		{0, crowd, false},
		{redundancy - 1, crowd - redundancy, true},
	} {
		tr := newTrickle(1)
		for range row.members {
			tr.hear(true)
		}
		for range row.strangers {
			tr.hear(false)
		}
		if _, speak := tr.turn(); speak != row.speak {
			t.Errorf("%d members and %d strangers heard: speaks %v", row.members, row.strangers, speak)
		}
		tr.turn()
		if _, speak := tr.turn(); !speak {
			t.Errorf("%d members and %d strangers heard: quiet in the next interval too", row.members, row.strangers)
		}
	}
}

func TestHasteBeginsAnew(t *testing.T) {
	tr := newTrickle(1)
	var now time.Time
	for range 20 {
		now, _ = tr.turn()
	}
	tr.hasten(now)
	if d := tr.due().Sub(now); d < IntervalMin/2 || d >= IntervalMin {
		t.Errorf("speaks %v after a change, want it in the second half of %v", d, IntervalMin)
	}
	due := tr.due()
	tr.hasten(now.Add(time.Millisecond))
	if tr.due() != due {
		t.Error("a second change in the shortest interval begins another: it would put off what is due (RFC 6206, section 4.2, rule 6)")
	}
}

// A host that slept comes back in one interval, not in all that it missed.
func TestAStepThatComesLate(t *testing.T) {
	tr := newTrickle(1)
	now := noon.Add(24 * time.Hour)
	if !tr.step(now) || !tr.due().After(now) {
		t.Errorf("due at %v, an interval of %v after %v", tr.due(), tr.interval, now)
	}
}
