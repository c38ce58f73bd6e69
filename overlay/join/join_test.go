package join

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/project-iris/iris/transport"
)

// pauses returns the time between each two that follow each other.
func pauses(times []time.Duration) []time.Duration {
	var between []time.Duration
	for i := 1; i < len(times); i++ {
		between = append(between, times[i]-times[i-1])
	}
	return between
}

// within checks that each pause is as long as it should be at least, and less than twice as
// long.
func within(t *testing.T, pauses []time.Duration, least func(i int) time.Duration) {
	t.Helper()
	for i, p := range pauses {
		if want := least(i); p < want || p >= 2*want {
			t.Errorf("pause %d is %v, want %v to %v: %v", i, p, want, 2*want, pauses)
		}
	}
}

// doubled returns what grows to double each time, up to a most.
func doubled(first, most time.Duration) func(i int) time.Duration {
	return func(i int) time.Duration { return min(first<<min(i, 20), most) }
}

// A node that is alone dials its seed at once, and again after pauses that grow to ten
// seconds, and up to twice that at random, until it answers.
func TestASeedIsDialledUntilItAnswers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := start(t)
		time.Sleep(10 * time.Minute)
		dials := n.dials()
		if len(dials) < 30 || dials[0] != 0 {
			t.Fatalf("it was dialled at %v", dials)
		}
		gaps := pauses(dials)
		within(t, gaps, doubled(seedMin, seedMax))
		if last := gaps[len(gaps)-20:]; slices.Max(last)-slices.Min(last) < time.Second {
			t.Errorf("the pauses are not spread: %v", last)
		}
		n.answer(nil)
		time.Sleep(24 * time.Hour)
		if dials := n.dials(); len(dials) != 1 {
			t.Errorf("a seed that answers is dialled %d times, want once", len(dials))
		}
		if n.addrs[0] != seed {
			t.Errorf("%s was dialled", n.addrs[0])
		}
	})
}

// A node that knows others has time: after the first two seconds, in which a network may be
// starting, it tries its seed once in a minute or two.
func TestANodeInCompanyRests(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := start(t, inCompany)
		time.Sleep(seedPatience)
		if dials := n.dials(); len(dials) < 3 {
			t.Errorf("while the network may be starting it was dialled at %v only", dials)
		}
		time.Sleep(2*seedPatience + 2*seedRest)
		n.dials()
		time.Sleep(2 * time.Hour)
		dials := n.dials()
		if len(dials) < 60 {
			t.Fatalf("it was dialled %d times in two hours", len(dials))
		}
		within(t, pauses(dials), doubled(seedRest, seedRest))
	})
}

// A node that loses the last of its links dials at once; one that loses another does not.
func TestANodeThatIsLeftAloneDialsAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := start(t, answering)
		time.Sleep(time.Hour)
		n.dials()
		n.change(false)
		synctest.Wait()
		if dials := n.dials(); len(dials) != 0 {
			t.Errorf("a node that is not alone dials at %v", dials)
		}
		for range 3 {
			lost := time.Since(n.began)
			n.change(true)
			synctest.Wait()
			if dials := n.dials(); !slices.Equal(dials, []time.Duration{lost}) {
				t.Errorf("a node that is alone since %v dials at %v", lost, dials)
			}
			time.Sleep(time.Minute)
		}
	})
}

// A node that is alone dials a seed that it has reached before, too, and does not let that be
// hastened by nodes that come and go.
func TestANodeThatStaysAloneKeepsItsPace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := start(t)
		time.Sleep(time.Minute)
		n.dials()
		for range 600 {
			n.change(true)
			time.Sleep(time.Second)
		}
		dials := n.dials()
		if len(dials) < 30 {
			t.Fatalf("it was dialled %d times in ten minutes", len(dials))
		}
		within(t, pauses(dials), doubled(seedMax, seedMax))
	})
}

// A seed that is not reached is named after its patience, and again after a minute, two, four,
// and so on, up to an hour; and when it is reached, that is said once.
func TestASeedThatIsNotReachedIsNamedLessAndLess(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := start(t)
		time.Sleep(12 * time.Hour)
		warnings := n.logged(slog.LevelWarn)
		var times []time.Duration
		for _, l := range warnings {
			times = append(times, l.at)
			if l.attrs["join"] != seed || l.attrs["err"] != errUnreachable.Error() {
				t.Errorf("the warning has %v", l.attrs)
			}
		}
		if len(times) < 12 || times[0] < seedPatience || times[0] > 3*seedPatience {
			t.Fatalf("it warns at %v", times)
		}
		due := doubled(seedRemind, seedRemindMax)
		for i, pause := range pauses(times) {
			if pause < due(i) || pause > due(i)+2*seedMax {
				t.Errorf("pause %d is %v, want %v, and until the next dial: %v", i, pause, due(i), times)
			}
		}
		n.answer(nil)
		time.Sleep(12 * time.Hour)
		if all := n.logged(slog.LevelWarn); len(all) != len(warnings) {
			t.Errorf("it warns of a seed that is reached: %v", all[len(warnings):])
		}
		said := n.logged(slog.LevelInfo)
		if len(said) != 1 || said[0].attrs["join"] != seed || said[0].at > 12*time.Hour+2*seedMax {
			t.Errorf("that it is reached is said as %v", said)
		}
	})
}

// Who is reached before its patience ends is not named at all.
func TestASeedThatComesInTimeIsNotNamed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := start(t)
		time.Sleep(seedPatience / 2)
		n.answer(nil)
		time.Sleep(time.Hour)
		if n.Alone() {
			t.Error("it was not reached")
		}
		if said := append(n.logged(slog.LevelWarn), n.logged(slog.LevelInfo)...); len(said) != 0 {
			t.Errorf("it says %v", said)
		}
	})
}

// A seed that is lost may be about to start again: it is dialled after short pauses, and not
// named before its patience has ended, as at first.
func TestASeedThatIsLostHasItsPatienceAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := start(t, answering)
		time.Sleep(time.Hour)
		n.dials()
		n.answer(errUnreachable)
		n.change(true)
		time.Sleep(seedPatience - time.Millisecond)
		if said := n.logged(slog.LevelWarn); len(said) != 0 {
			t.Errorf("within its patience it says %v", said)
		}
		time.Sleep(10 * time.Minute)
		within(t, pauses(n.dials()), doubled(seedMin, seedMax))
		if said := n.logged(slog.LevelWarn); len(said) == 0 || said[0].at > time.Hour+3*seedPatience {
			t.Errorf("it says %v", said)
		}
	})
}

// A seed that comes and goes is named less and less.
func TestASeedThatComesAndGoesIsNamedLessAndLess(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := start(t)
		var warned []int
		for range 3 {
			before := len(n.logged(slog.LevelWarn))
			time.Sleep(3 * time.Minute)
			warned = append(warned, len(n.logged(slog.LevelWarn))-before)
			n.answer(nil)
			time.Sleep(time.Minute)
			n.answer(errUnreachable)
			n.change(true)
		}
		if want := []int{2, 1, 1}; !slices.Equal(warned, want) {
			t.Errorf("in three minutes each it warned %v times, want %v", warned, want)
		}
		if said := n.logged(slog.LevelInfo); len(said) != 3 {
			t.Errorf("that it is reached is said %d times, want 3", len(said))
		}
	})
}

// A node that is its own seed has reached it: it says so once, if at all, and dials only as
// long as it is alone.
func TestANodeThatIsItsOwnSeed(t *testing.T) {
	for before, want := range map[time.Duration]int{0: 0, 10 * time.Second: 1} { // in which it does not know that
		synctest.Test(t, func(t *testing.T) {
			n := start(t)
			time.Sleep(before)
			n.answer(fmt.Errorf("dial: %w", transport.ErrSelf))
			time.Sleep(time.Hour)
			warned, said := n.logged(slog.LevelWarn), n.logged(slog.LevelInfo)
			if len(warned) != want || len(said) != want {
				t.Errorf("after %v it warns %v and says %v, want %d of each", before, warned, said, want)
			}
			n.change(false)
			time.Sleep(2 * seedMax)
			n.dials()
			time.Sleep(time.Hour)
			if dials := n.dials(); len(dials) != 0 {
				t.Errorf("in company it dials at %v", dials)
			}
		})
	}
}

// A dial that does not end is given up after ten seconds, and tried again.
func TestADialThatHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := start(t, hanging)
		time.Sleep(time.Minute)
		dials := n.dials()
		if len(dials) < 3 || dials[1] < seedMax || dials[1] > seedMax+2*seedMin {
			t.Errorf("it was dialled at %v", dials)
		}
		if said := n.logged(slog.LevelWarn); len(said) != 1 || said[0].attrs["err"] != context.DeadlineExceeded.Error() {
			t.Errorf("it says %v", said)
		}
	})
}

// The end of its context ends a seed at once, in a pause and in a dial, without a word.
func TestASeedEndsWithItsContext(t *testing.T) {
	for name, options := range map[string][]func(*network){"in a pause": nil, "in a dial": {hanging}} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				n := start(t, options...)
				time.Sleep(seedMax / 2)
				synctest.Wait()
				said := len(n.lines) // nothing happens meanwhile
				n.stop()
				if at := time.Since(n.began); at != seedMax/2 {
					t.Errorf("it has ended after %v, want %v", at, seedMax/2)
				}
				if len(n.lines) != said {
					t.Errorf("it says %v of its own end", n.lines[said:])
				}
			})
		})
	}
}

// What is no host and port is left to the transport, as are addresses that need no lookup.
func TestLookUp(t *testing.T) {
	for _, addr := range []string{"192.0.2.1:5", "[2001:db8::1]:5", "tcp://host:5", "mem://2", "nonsense", ""} {
		if got, err := lookUp(t.Context(), addr); err != nil || !slices.Equal(got, []string{addr}) {
			t.Errorf("%q is looked up as %q, %v", addr, got, err)
		}
	}
}
