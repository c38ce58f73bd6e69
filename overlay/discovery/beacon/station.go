package beacon

import (
	"bytes"
	"math/rand/v2"
	"net/netip"
	"time"

	"golang.org/x/time/rate"

	"github.com/project-iris/iris/overlay/discovery"
	"github.com/project-iris/iris/transport"
)

const (
	// spread is the time for each node of a group over which its dials to a stranger
	// are spread, and headStart what the others have for theirs before that.
	spread    = 50 * time.Millisecond
	headStart = 500 * time.Millisecond
	// copySpread is the time over which dials of copies of this node are spread.
	copySpread = 2 * time.Second
	// hastenAfter is how often one and the same stranger can make a node hasten: there
	// may be a firewall between them for ever.
	hastenAfter = time.Minute
	// maxStrangers is how many strangers are remembered for that.
	maxStrangers = 1024

	// answerRate and answerBurst limit the answers to probes, a second and at once.
	answerRate  = 20
	answerBurst = 20

	// probeGap is the time between two probes.
	probeGap = 10 * time.Millisecond
	// scanDelay is how long a node looks by other means before it probes, and the pause
	// after the first sweep. Pauses double up to scanMax.
	scanDelay = 2 * time.Second
	scanFirst = 15 * time.Second
	scanMax   = 5 * time.Minute
)

// What a beacon has found is called in hints.
const (
	foundByBeacon = "beacon"
	foundByScan   = "scan"
)

// station decides what to say when, and what to make of what others say. One goroutine
// owns it; it has no clock and no socket: events come with the time, and what is to be
// done is returned.
type station struct {
	self     transport.PeerID
	random   *rand.Rand
	announce bool // otherwise it only probes and answers
	scan     bool

	trickle   trickle
	others    int
	strangers map[transport.PeerID]time.Time // when they last made this node hasten
	answers   *rate.Limiter

	own     []netip.Prefix // addresses of this host
	sweep   []netip.Addr   // what is left to probe
	probeAt time.Time      // the next one; nothing is left then: the next sweep
	pause   time.Duration  // after the sweep
}

// action is one thing to be done: to send a beacon, or to give a hint.
type action struct {
	send Kind           // 0 for a hint
	to   netip.AddrPort // of a probe, the address alone; of an answer
	hint discovery.Hint
}

func newStation(now time.Time, self transport.PeerID, random *rand.Rand, announce, scan bool) *station {
	s := &station{
		self: self, random: random, announce: announce, scan: scan,
		trickle:   trickle{random: random},
		strangers: make(map[transport.PeerID]time.Time),
		answers:   rate.NewLimiter(answerRate, answerBurst),
		probeAt:   now.Add(scanDelay), pause: scanFirst,
	}
	s.trickle.start(now, IntervalMin)
	return s
}

// due is when step is to be called, if nothing else comes before; zero for never.
func (s *station) due() time.Time {
	var due time.Time
	if s.announce {
		due = s.trickle.due()
	}
	if s.sweeping() && (due.IsZero() || s.probeAt.Before(due)) {
		due = s.probeAt
	}
	return due
}

// step does what is due.
func (s *station) step(now time.Time) []action {
	var do []action
	if s.announce && !now.Before(s.trickle.due()) && s.trickle.step(now) {
		do = append(do, action{send: Announcement})
	}
	if s.sweeping() && !now.Before(s.probeAt) {
		do = append(do, s.probe(now)...)
	}
	return do
}

// hear takes a beacon of another node, which came from an address. member says whether
// the node is known already.
func (s *station) hear(now time.Time, b Beacon, from netip.AddrPort, member bool) []action {
	var do []action
	if b.Kind == Announcement {
		s.trickle.hear(member)
	}
	if b.Kind == Probe && s.answers.AllowN(now, 1) {
		do = append(do, action{send: Answer, to: from})
	}
	if member {
		return do
	}
	if last, ok := s.strangers[b.ID]; !ok || now.Sub(last) >= hastenAfter {
		s.remember(b.ID, now)
		s.trickle.hasten(now)
	}
	how := foundByBeacon
	if b.Kind != Announcement {
		how = foundByScan
	}
	addr := complete(b.Addresses, from.Addr())
	if addr == "" {
		return do
	}
	return append(do, action{hint: discovery.Hint{Addr: addr, ID: b.ID, How: how, After: s.patience(b)}})
}

// patience is how long to leave the link to the other node and to others here.
func (s *station) patience(b Beacon) time.Duration {
	own := int64(s.others) + 1
	wait := time.Duration(s.random.Int64N(own)) * spread
	switch theirs := int64(b.Nodes); {
	case theirs > own, theirs == own && bytes.Compare(s.self[:], b.ID[:]) < 0:
		return wait
	}
	return wait + headStart
}

// delay spreads the dials of nodes that may be copies of each other: the first one to dial
// gives way, and the other one need not.
func (s *station) delay() time.Duration { return time.Duration(s.random.Int64N(int64(copySpread))) }

// remember notes that a stranger has made this node hasten.
func (s *station) remember(id transport.PeerID, now time.Time) {
	if len(s.strangers) >= maxStrangers {
		for any := range s.strangers {
			delete(s.strangers, any)
			break
		}
	}
	s.strangers[id] = now
}

// members takes how many other members there are.
func (s *station) members(now time.Time, others int) {
	before := s.others
	s.others = others
	if (before == 0) == (others == 0) {
		return
	}
	s.sweep, s.pause, s.probeAt = nil, scanFirst, now.Add(scanDelay)
	if others == 0 {
		s.trickle.hasten(now)
	}
}

// moved takes the addresses of this host, when interfaces have changed.
func (s *station) moved(now time.Time, own []netip.Prefix) {
	s.own = own
	s.trickle.hasten(now)
}

// retry looks for others as at the start.
func (s *station) retry(now time.Time) {
	clear(s.strangers)
	s.sweep, s.pause, s.probeAt = nil, scanFirst, now.Add(scanDelay)
	s.trickle.hasten(now)
}

// sweeping reports whether there are probes to send: not while the node has company.
func (s *station) sweeping() bool { return s.scan && s.others == 0 }

// probe sends the next probe, or ends the sweep.
func (s *station) probe(now time.Time) []action {
	if len(s.sweep) == 0 {
		s.sweep = around(s.own)
	}
	if len(s.sweep) == 0 {
		s.rest(now)
		return nil
	}
	to := s.sweep[0]
	s.sweep = s.sweep[1:]
	s.probeAt = now.Add(probeGap)
	if len(s.sweep) == 0 {
		s.rest(now)
	}
	return []action{{send: Probe, to: netip.AddrPortFrom(to, 0)}}
}

// rest pauses after a sweep.
func (s *station) rest(now time.Time) {
	s.probeAt = now.Add(s.pause + time.Duration(s.random.Int64N(int64(s.pause/2))))
	s.pause = min(2*s.pause, scanMax)
}
