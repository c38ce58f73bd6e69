package beacon

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"testing"
	"time"

	"github.com/project-iris/iris/transport"
)

func TestStationsFindEachOther(t *testing.T) {
	for _, n := range []int{2, 3, 10, 50} {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			for seed := range uint64(10) {
				w := newWire(t, seed)
				for range n {
					w.add()
				}
				w.run(2 * time.Second)
				w.together()
			}
		})
	}
}

func TestOneThatComesLaterIsFoundAtOnce(t *testing.T) {
	for seed := range uint64(10) {
		w := newWire(t, seed)
		for range 10 {
			w.add()
		}
		w.run(time.Hour)
		w.reset()
		w.add()
		w.run(time.Second)
		w.together()
	}
}

// A thousand nodes that start at the same moment do not fill the wire, and neither do a
// thousand that hear of one more, which is dialled by few of them.
func TestAThousandNodesDoNotStorm(t *testing.T) {
	const n = 1000
	w := newWire(t, 1)
	for range n {
		w.add()
	}
	w.run(10 * time.Second)
	w.together()
	t.Logf("%d start at once: %d announcements in 10 s, %d in the worst second, %d dials", n, w.announced, w.worst, w.dials)
	if w.worst > 100 {
		t.Errorf("%d announcements in one second", w.worst)
	}

	w.run(time.Hour)
	w.reset()
	w.run(time.Hour)
	t.Logf("at rest: %.1f announcements a minute of all %d together, %d in the worst second", float64(w.announced)/60, n, w.worst)
	if w.announced > 15*60 {
		t.Errorf("%d announcements in an hour at rest", w.announced)
	}

	w.reset()
	late := w.add()
	w.run(10 * time.Second)
	w.together()
	t.Logf("one more: %d announcements in 10 s, %d in the worst second; it dials %d and is dialled by %d", w.announced, w.worst, late.dialed, w.mostReached())
	if w.worst > 100 || late.dialed > 20 || late.reached > 20 {
		t.Errorf("%d announcements in a second; it dials %d and is dialled by %d", w.worst, late.dialed, late.reached)
	}
}

// Two halves of a network that find each other again do not dial all at once.
func TestHalvesThatFindEachOtherDialLittle(t *testing.T) {
	w := newWire(t, 1)
	w.cut = true
	var halves [2]*group
	for i := range 1000 {
		s := w.add()
		if half := halves[i%2]; half == nil {
			halves[i%2] = s.group
		} else {
			w.merge(half, s.group)
		}
	}
	w.run(time.Minute)
	w.cut = false
	w.reset()
	w.run(2 * time.Minute)
	w.together()
	t.Logf("%d dials, %d at one node; %d announcements in the worst second", w.dials, w.mostReached(), w.worst)
	if w.dials > 100 {
		t.Errorf("%d dials", w.dials)
	}
}

// The steady traffic of ten nodes, and that of one that is alone.
func TestSteadyTraffic(t *testing.T) {
	for _, row := range []struct {
		nodes int
		most  float64 // announcements a minute and node
	}{{1, 1}, {3, 1}, {10, 0.7}, {100, 0.1}} {
		w := newWire(t, 1)
		for range row.nodes {
			w.add()
		}
		w.run(time.Hour)
		w.reset()
		w.run(10 * time.Hour)
		each := float64(w.announced) / 600 / float64(row.nodes)
		t.Logf("%d nodes: %.2f announcements a minute and node", row.nodes, each)
		if each > row.most || w.announced == 0 {
			t.Errorf("%d nodes: %.2f announcements a minute and node, want at most %.2f and some", row.nodes, each, row.most)
		}
	}
}

// Two that hear each other and cannot link do not keep each other in haste.
func TestStrangersForEverDoNotHastenForEver(t *testing.T) {
	w := newWire(t, 1)
	a, b := w.add(), w.add()
	hear := func(s, from *simulated) {
		s.hear(w.now, Beacon{Kind: Announcement, ID: from.self}, netip.AddrPort{}, false)
		w.wake(s)
	}
	for range 3600 {
		w.run(time.Second)
		hear(a, b)
		hear(b, a)
		a.group, b.group = &group{}, &group{}
	}
	// An interval of each length a minute is 8; more would be haste without end.
	if each := w.announced / 2 / 60; each > 9 {
		t.Errorf("%d announcements a minute of each", each)
	}
}

func TestChangesHasten(t *testing.T) {
	for _, row := range []struct {
		name   string
		change func(s *station, now time.Time)
		hasty  bool
	}{
		{"a member is lost", func(s *station, now time.Time) { s.members(now, 2) }, false},
		{"all members are lost", func(s *station, now time.Time) { s.members(now, 0) }, true},
		{"a member has come", func(s *station, now time.Time) { s.members(now, 4) }, false},
		{"an interface has changed", func(s *station, now time.Time) { s.moved(now, nil) }, true},
		{"a stranger is heard", func(s *station, now time.Time) { s.hear(now, sample(), netip.AddrPort{}, false) }, true},
		{"a member is heard", func(s *station, now time.Time) { s.hear(now, sample(), netip.AddrPort{}, true) }, false},
	} {
		s := newStation(noon, transport.PeerID{1}, rand.New(rand.NewPCG(1, 1)), true, false)
		now := noon
		s.members(now, 3)
		for range 20 {
			now = s.due()
			s.step(now)
		}
		row.change(s, now)
		if hasty := s.due().Sub(now) <= IntervalMin; hasty != row.hasty {
			t.Errorf("%s: next after %v", row.name, s.due().Sub(now))
		}
	}
}

// A probe is answered, to where it came from; many are not.
func TestProbesAreAnsweredAndNotTooMany(t *testing.T) {
	s := newStation(noon, transport.PeerID{1}, rand.New(rand.NewPCG(1, 1)), false, true)
	s.members(noon, 1)
	from := netip.MustParseAddrPort("192.0.2.1:999")
	answers := 0
	for n := range 10_000 { // in ten seconds
		b := sample()
		b.Kind = Probe
		for _, a := range s.hear(noon.Add(time.Duration(n)*time.Millisecond), b, from, true) {
			if a.send != Answer || a.to != from {
				t.Fatalf("%+v for a probe", a)
			}
			answers++
		}
	}
	if want := answerBurst + 10*answerRate; answers < want-1 || answers > want {
		t.Errorf("%d answers, want %d", answers, want)
	}
}

// A node that is alone probes what is around, no faster than it may, ever more rarely, and
// stops when somebody answers.
func TestScan(t *testing.T) {
	s := newStation(noon, transport.PeerID{1}, rand.New(rand.NewPCG(1, 1)), false, true)
	s.moved(noon, []netip.Prefix{netip.MustParsePrefix("10.0.0.10/24")})
	var begins []time.Duration
	probes, last := 0, noon
	for now := s.due(); now.Sub(noon) < time.Hour; now = s.due() {
		for _, a := range s.step(now) {
			switch gap := now.Sub(last); {
			case a.send != Probe:
				t.Fatalf("%+v", a)
			case gap < probeGap:
				t.Fatalf("a probe %v after another", gap)
			case gap > time.Second:
				begins = append(begins, now.Sub(noon))
			}
			last = now
			probes++
		}
	}
	if begins[0] != scanDelay || probes < len(begins)*253-252 || probes > len(begins)*253 {
		t.Errorf("%d probes in sweeps that began after %v", probes, begins)
	}
	if n := len(begins); n < 8 || n > 20 {
		t.Errorf("%d sweeps in an hour", n)
	}

	b := sample()
	b.Kind = Answer
	found := s.hear(last, b, netip.MustParseAddrPort("10.0.0.11:16180"), false)
	if len(found) != 1 || found[0].hint.How != "scan" || found[0].hint.ID != b.ID {
		t.Errorf("an answer leads to %+v", found)
	}
	s.members(last, 1)
	if due := s.due(); !due.IsZero() {
		t.Errorf("it probes on at %v", due)
	}
	s.members(last, 0)
	if due := s.due(); due.Sub(last) != scanDelay {
		t.Errorf("alone again it probes after %v, want %v", due.Sub(last), scanDelay)
	}
}

// Whoever hears a stranger leaves it to the smaller group, or the lower id, to dial.
func TestPatience(t *testing.T) {
	low, high := transport.PeerID{1}, transport.PeerID{9}
	for _, row := range []struct {
		name     string
		self     transport.PeerID
		others   int
		nodes    uint32
		min, max time.Duration
	}{
		{"both alone, the lower", low, 0, 1, 0, 0},
		{"both alone, the higher", high, 0, 1, headStart, headStart},
		{"alone hears a group", high, 0, 5, 0, 0},
		{"a group hears one", low, 4, 1, headStart, headStart + 4*spread},
		{"a small group hears a large one", high, 4, 6, 0, 4 * spread},
		{"a number that nobody believes", high, 0, 1<<32 - 1, 0, 0},
	} {
		s := newStation(noon, row.self, rand.New(rand.NewPCG(1, 1)), true, false)
		s.members(noon, row.others)
		b := sample()
		b.ID, b.Nodes = transport.PeerID{5}, row.nodes
		for range 50 {
			if got := s.patience(b); got < row.min || got > row.max {
				t.Errorf("%s: waits %v, want %v to %v", row.name, got, row.min, row.max)
				break
			}
		}
	}
}

// Members can make up strangers: what is remembered of them is bounded.
func TestStrangersAreBounded(t *testing.T) {
	s := newStation(noon, transport.PeerID{1}, rand.New(rand.NewPCG(1, 1)), true, false)
	for n := range 2 * maxStrangers {
		b := sample()
		b.ID = transport.PeerID{2, byte(n), byte(n >> 8)}
		s.hear(noon, b, netip.AddrPort{}, false)
	}
	if len(s.strangers) != maxStrangers {
		t.Errorf("%d strangers are remembered, want %d", len(s.strangers), maxStrangers)
	}
}

// A hint is at where the beacon came from, where it says no host; at nothing it is none.
func TestHintsAreAtWhereABeaconCameFrom(t *testing.T) {
	s := newStation(noon, transport.PeerID{1}, rand.New(rand.NewPCG(1, 1)), true, false)
	for _, row := range []struct {
		kind                 Kind
		addresses, want, how string
	}{
		{Announcement, "quic://:1", "quic://192.0.2.1:1", "beacon"},
		{Probe, "quic://:1", "quic://192.0.2.1:1", "scan"},
		{Announcement, "", "", ""},
	} {
		b := sample()
		b.Kind, b.Addresses = row.kind, row.addresses
		var hints []action
		for _, a := range s.hear(noon, b, netip.MustParseAddrPort("192.0.2.1:16180"), false) {
			if a.send == 0 {
				hints = append(hints, a)
			}
		}
		if row.want == "" && len(hints) == 0 {
			continue
		}
		if len(hints) != 1 || hints[0].hint.Addr != row.want || hints[0].hint.How != row.how {
			t.Errorf("kind %d from %q: %+v, want %s", row.kind, row.addresses, hints, row.want)
		}
	}
}

// A host without private addresses has nothing to probe, and looks again after a pause.
func TestAScanOfNothing(t *testing.T) {
	s := newStation(noon, transport.PeerID{1}, rand.New(rand.NewPCG(1, 1)), false, true)
	now := s.due()
	if do := s.step(now); len(do) != 0 || s.due().Sub(now) < scanFirst {
		t.Errorf("%+v, and again after %v", do, s.due().Sub(now))
	}
}
