package quic

import (
	"math/rand/v2"
	"net/netip"
	"testing"
	"time"

	quicgo "github.com/quic-go/quic-go"
)

func TestWhatATrialProves(t *testing.T) {
	const large = 1400
	all := func(int, int) bool { return true }
	rows := []struct {
		name    string
		passes  func(size, round int) bool
		decided bool
		vanish  bool
	}{
		{"all passes", all, true, false},
		{"nothing passes", func(int, int) bool { return false }, false, false},
		{"large packets vanish", func(size, _ int) bool { return size < large }, true, true},
		{"large ones vanish, and half of the small", func(size, round int) bool { return size < large && round%2 == 0 }, true, true},
		{"one large packet passes", func(size, round int) bool { return size < large || round == trialProofs-1 }, true, false},
		{"too few small ones pass", func(size, round int) bool { return size < large && round < trialProofs-1 }, false, false},
	}
	for _, row := range rows {
		trial := runTrial(large, row.passes)
		if decided := isDecided(trial); decided != row.decided || trial.vanish() != row.vanish {
			t.Errorf("%s: decided is %v, vanish is %v", row.name, decided, trial.vanish())
		}
	}
}

// runTrial asks the path in each round, until there is a decision.
func runTrial(size int, passes func(size, round int) bool) *trial {
	t := newTrial(size)
	for round := range trialRounds {
		for _, one := range t.sizes(round) {
			if passes(one, round) {
				t.answered(one, round)
			}
		}
		if isDecided(t) {
			break
		}
	}
	return t
}

func isDecided(t *trial) bool {
	select {
	case <-t.decided:
		return true
	default:
		return false
	}
}

// TestLossIsNoBlackHole runs as many trials as a busy link has in two days on a path
// that loses one packet in twenty, and one in ten, each way.
func TestLossIsNoBlackHole(t *testing.T) {
	source := rand.New(rand.NewPCG(1, 2))
	for _, loss := range []float64{0.05, 0.1} {
		unanswered := 1 - (1-loss)*(1-loss)
		for range 200_000 {
			trial := runTrial(1400, func(int, int) bool { return source.Float64() > unanswered })
			if trial.vanish() {
				t.Fatalf("a path that loses %v of all packets is taken for a black hole", loss)
			}
		}
	}
}

// TestHostileAnswers have sizes and rounds that were not asked.
func TestHostileAnswers(t *testing.T) {
	trial := newTrial(1400)
	for round := range 256 {
		trial.answered(1300, round)
		trial.answered(basePacket, trialRounds+round)
	}
	if isDecided(trial) {
		t.Error("answers to nothing decide a trial")
	}
	var under trials
	under.answered(sounding{trial: 7})
	id := under.begin(trial)
	under.end(id)
	under.answered(sounding{kind: soundingAnswer, size: 1400, trial: id})
	if isDecided(trial) || len(under.byID) > 0 {
		t.Error("a trial that has ended takes answers")
	}
}

func TestWhatIsSuspicious(t *testing.T) {
	const ms = time.Millisecond
	stats := func(rtt time.Duration, sent, lost uint64) quicgo.ConnectionStats {
		return quicgo.ConnectionStats{LatestRTT: rtt, SmoothedRTT: rtt, BytesSent: sent, PacketsLost: lost}
	}
	rows := []struct {
		name  string
		beats []quicgo.ConnectionStats
		want  bool // of the last
	}{
		{"all is acknowledged", []quicgo.ConnectionStats{stats(10*ms, 5000, 0), stats(11*ms, 50_000, 0)}, false},
		{"nothing is", []quicgo.ConnectionStats{stats(10*ms, 5000, 0), stats(10*ms, 50_000, 0)}, true},
		{"nothing is, and little was sent", []quicgo.ConnectionStats{stats(10*ms, 5000, 0), stats(10*ms, 6000, 0)}, false},
		{"nothing is, for long", []quicgo.ConnectionStats{stats(10*ms, 5000, 0), stats(10*ms, 8000, 0), stats(10*ms, 8000, 0)}, true},
		{"some is lost", []quicgo.ConnectionStats{stats(10*ms, 5000, 0), stats(11*ms, 50_000, 3)}, true},
		{"some was lost", []quicgo.ConnectionStats{stats(10*ms, 5000, 3), stats(11*ms, 50_000, 3), stats(12*ms, 60_000, 3)}, false},
	}
	for _, row := range rows {
		var p progress
		got := false
		for _, beat := range row.beats {
			got = p.suspicious(beat)
		}
		if got != row.want {
			t.Errorf("%s: suspicious is %v", row.name, got)
		}
	}
}

func TestNarrowPathsAreForgotten(t *testing.T) {
	var paths narrowPaths
	now := time.Now()
	addr := netip.MustParseAddr("192.0.2.1")
	if paths.has(addr, now) || !paths.note(addr, now) || paths.note(addr, now.Add(time.Minute)) {
		t.Error("the first note is no news, or the second one is")
	}
	if end := now.Add(time.Minute + narrowTime); !paths.has(addr, end.Add(-1)) || paths.has(addr, end) || !paths.note(addr, end) {
		t.Error("a path is forgotten too early or too late")
	}
	next := netip.MustParseAddr("10.0.0.0")
	for i := range 3 * maxNarrow {
		next = next.Next()
		paths.note(next, now.Add(time.Duration(i)*time.Millisecond))
	}
	if len(paths.since) > maxNarrow || !paths.has(next, now.Add(time.Minute)) {
		t.Errorf("%d paths are remembered", len(paths.since))
	}
}
