package beacon

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/project-iris/iris/transport"
	"github.com/project-iris/iris/transport/identity/identitytest"
)

// A node whose clock is set, or that has slept, is believed by others who know the time as
// soon as its own clock is right, also by those who have heard it before.
func TestBeaconsFollowTheWallClock(t *testing.T) {
	for _, row := range []struct {
		name          string
		before, after time.Duration // from the time that the others have
	}{
		{"it has slept", -26 * time.Hour, 0},
		{"it did not know the time", -50 * 365 * 24 * time.Hour, 0},
		{"its clock was an hour ahead", 59 * time.Minute, 0},
		{"its clock was a day ahead", 24 * time.Hour, 0},
	} {
		sealer, now := NewSealer(ours), time.Now()
		g := newGate(transport.PeerID{9}, sealer)
		var s stamps
		say := func(off time.Duration) error {
			now = now.Add(time.Second)
			b := sample()
			b.Time = s.next(identitytest.SetWall(now, off))
			_, err := g.admit(now, sealer.Seal(b))
			return err
		}
		if err := say(row.before); (err == nil) != (row.before.Abs() <= Window) {
			t.Errorf("%s: before, %v", row.name, err)
		}
		for range 3 {
			if err := say(row.after); err != nil {
				t.Errorf("%s: afterwards, %v", row.name, err)
			}
		}
	}
}

// What was heard while this node's own clock was wrong does not count once it is right.
func TestTheGateFollowsTheWallClock(t *testing.T) {
	for _, wrong := range []time.Duration{-30 * 24 * time.Hour, 30 * 24 * time.Hour} {
		sealer := NewSealer(ours)
		g := newGate(transport.PeerID{9}, sealer)
		b := sample()
		for _, off := range []time.Duration{wrong, 0} { // all clocks are set together
			b.Time = noon.Add(off)
			if _, err := g.admit(noon.Add(off), sealer.Seal(b)); err != nil {
				t.Errorf("from %v to the right time: %v", wrong, err)
			}
		}
	}
}

// A node that was told to retry speaks soon, whatever it knew of others.
func TestARetryingStationSpeaksSoon(t *testing.T) {
	s := newStation(noon, transport.PeerID{9}, rand.New(rand.NewPCG(1, 1)), true, true)
	now := noon
	s.members(now, 1)
	for range 20 { // the interval is at its longest
		now = s.due()
		s.step(now)
	}
	s.retry(now)
	if wait := s.due().Sub(now); wait > IntervalMin {
		t.Errorf("it speaks after %v", wait)
	}
}
