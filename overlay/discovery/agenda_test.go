package discovery

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/project-iris/iris/transport"
)

var noon = time.Unix(1_700_000_000, 0)

var errNobody = errors.New("nobody is there")

// script plays hints and dials at an agenda.
type script struct {
	*agenda
	t     *testing.T
	now   time.Time
	known map[transport.PeerID]bool // members
}

func newScript(t *testing.T) *script {
	return &script{t: t, now: noon, agenda: newAgenda(rand.New(rand.NewPCG(1, 1))), known: make(map[transport.PeerID]bool)}
}

func (s *script) member(_ Hint, id transport.PeerID) bool { return s.known[id] }

// dial returns the hint that is to be dialled now, if there is one.
func (s *script) dial() (destination, Hint, bool) {
	p, h, _, ok := s.next(s.now, s.member)
	return p, h, ok
}

// expect expects a dial to a destination now, and answers it.
func (s *script) expect(h Hint, id transport.PeerID, err error) {
	s.t.Helper()
	p, got, ok := s.dial()
	if !ok || got != h {
		s.t.Fatalf("after %v: dials %+v, %v; want %+v", s.now.Sub(noon), got, ok, h)
	}
	s.done(s.now, p, id, err)
}

func (s *script) expectNone() {
	s.t.Helper()
	if _, h, ok := s.dial(); ok {
		s.t.Fatalf("after %v: dials %+v, want nothing", s.now.Sub(noon), h)
	}
}

var (
	one   = transport.PeerID{1}
	two   = transport.PeerID{2}
	named = Hint{Addr: "a:1", ID: one, How: "beacon"}
	plain = Hint{Addr: "b:1", How: "dns:b"}
)

func TestAHintIsDialledOnce(t *testing.T) {
	s := newScript(t)
	for range 5 {
		s.offer(s.now, named)
	}
	s.expect(named, one, nil)
	s.known[one] = true
	s.expectNone()
	s.now = s.now.Add(time.Hour)
	s.expectNone()
}

// What comes while a destination is dialled is about the same node: it is not dialled twice.
func TestAHintDuringItsDial(t *testing.T) {
	s := newScript(t)
	s.offer(s.now, named)
	p, _, ok := s.dial()
	if !ok {
		t.Fatal("the hint is not dialled")
	}
	s.offer(s.now, named)
	s.expectNone()
	s.done(s.now, p, one, errNobody)
	s.now = s.now.Add(time.Hour)
	s.expectNone()
}

// Of several hints at a destination the one counts that is due first: a later one does not put
// the dial off.
func TestTheFirstDueCounts(t *testing.T) {
	s := newScript(t)
	slow := named
	slow.After = time.Second
	s.offer(s.now, slow)
	s.now = s.now.Add(time.Second / 2)
	s.offer(s.now, slow)
	s.expectNone()
	s.now = s.now.Add(time.Second / 2)
	s.expect(slow, one, errNobody)

	slow.ID = two
	s.offer(s.now, slow)
	soon := slow
	soon.After = 0
	s.offer(s.now, soon)
	s.expect(soon, two, nil)
}

// A destination that is due is not kept waiting by those that are not.
func TestTheFirstDueIsDialledFirst(t *testing.T) {
	s := newScript(t)
	for n := range 100 {
		s.offer(s.now, Hint{Addr: fmt.Sprint("host", n, ":1"), After: time.Hour})
	}
	s.offer(s.now, plain)
	s.expect(plain, two, nil)
}

// A node that answers and does not become a member is asked again, less and less often, and not
// for ever; from when it is lost again, as often again.
func TestAnAnswerThatLeadsToNothing(t *testing.T) {
	s := newScript(t)
	for range 2 {
		s.known[one] = false
		s.offer(s.now, named)
		for i := range 1 + maxUnjoined {
			s.expect(named, one, nil)
			s.now = s.now.Add(min(restMin<<i, restMax) - 1)
			s.expectNone()
			s.now = s.now.Add(1)
		}
		s.now = s.now.Add(time.Hour)
		s.expectNone()
		s.known[one] = true
		s.offer(s.now, named)
		s.expectNone()
	}
}

func TestAHintThatCameTrueIsNotDialled(t *testing.T) {
	s := newScript(t)
	h := named
	h.After = time.Second
	s.offer(s.now, h)
	s.expectNone()
	s.now = s.now.Add(time.Second)
	s.known[one] = true
	s.expectNone()
	s.known[one] = false
	s.expectNone() // the hint is used up
	s.offer(s.now, plain)
	s.expect(plain, two, nil)
	s.known[two] = true
	s.now = s.now.Add(time.Hour)
	s.offer(s.now, plain)
	s.expectNone() // the node that is there is a member
	s.known[two] = false
	s.offer(s.now, plain)
	s.expect(plain, two, nil) // it is lost
}

func TestFailuresRestLongerAndLonger(t *testing.T) {
	s := newScript(t)
	s.offer(s.now, named)
	for n := range 100 {
		s.expect(named, one, errNobody)
		s.offer(s.now, named)
		rest := min(restMin<<min(n, 10), restMax)
		s.now = s.now.Add(rest - 1)
		s.expectNone()
		s.now = s.now.Add(rest/2 + 1)
		s.offer(s.now, named) // after the rest, which cleans no record
	}
	s.expect(named, one, errNobody)
	s.now = s.now.Add(2*restMax + forget)
	s.offer(s.now, named)
	s.expect(named, one, errNobody)
	s.offer(s.now, named)
	s.now = s.now.Add(2 * restMin)
	s.expect(named, one, nil) // after a long time its record is clean
}

func TestAnAnswerCleansTheRecord(t *testing.T) {
	s := newScript(t)
	for _, err := range []error{errNobody, errNobody, errNobody, nil, errNobody} {
		s.offer(s.now, named)
		s.expect(named, one, err)
		s.known[one] = err == nil
		s.now = s.now.Add(2 * restMax)
		s.expectNone()
		s.known[one] = false
	}
	if e := s.entries[destinationOf(named)]; e.failures != 1 {
		t.Errorf("%d failures since an answer, want 1", e.failures)
	}
}

// Places that failed together are not dialled together again.
func TestRestsDiffer(t *testing.T) {
	s := newScript(t)
	ends := make(map[time.Time]bool)
	for n := range maxDials {
		h := Hint{Addr: fmt.Sprint("host", n, ":1")}
		s.offer(s.now, h)
		s.expect(h, one, errNobody)
		ends[s.entries[destinationOf(h)].rest] = true
	}
	if len(ends) != maxDials {
		t.Errorf("%d destinations rest until %d times", maxDials, len(ends))
	}
}

func TestTheOwnAddressIsNotDialledAgain(t *testing.T) {
	s := newScript(t)
	s.offer(s.now, plain)
	s.expect(plain, transport.PeerID{}, fmt.Errorf("dial: %w", transport.ErrSelf))
	s.now = s.now.Add(restSelf - 1)
	s.offer(s.now, plain)
	s.expectNone()
	s.now = s.now.Add(1)
	s.expect(plain, two, nil)
}

// A node that is said to be at the own address may be at another one soon.
func TestAnotherNodeAtTheOwnAddress(t *testing.T) {
	s := newScript(t)
	s.offer(s.now, named)
	s.expect(named, transport.PeerID{}, transport.ErrSelf)
	moved := named
	moved.Addr = "c:1"
	s.offer(s.now, moved)
	s.expectNone()
	s.now = s.now.Add(2 * restMin)
	s.expect(moved, one, nil)
}

// However many hints there are, dials are few at once and few a second.
func TestDialsAreLimited(t *testing.T) {
	s := newScript(t)
	dials, most := 0, 0
	var under []destination
	for n := range 10_000 { // ten seconds
		h := named
		h.ID = transport.PeerID{byte(n), byte(n >> 8), 1}
		s.offer(s.now, h)
		if p, _, ok := s.dial(); ok {
			dials++
			under = append(under, p)
		}
		most = max(most, s.dialing)
		if len(under) > 0 && n%50 == 0 {
			s.done(s.now, under[0], one, errNobody)
			under = under[1:]
		}
		s.now = s.now.Add(time.Millisecond)
	}
	if limit := DialBurst + 10*DialRate; dials > limit || dials < limit/2 || most > maxDials {
		t.Errorf("%d dials in 10 s, %d at once; want at most %d and %d", dials, most, limit, maxDials)
	}
	if len(s.entries) > maxEntries || s.dropped == 0 {
		t.Errorf("%d destinations are remembered, %d hints dropped", len(s.entries), s.dropped)
	}
}

// What is done with makes room.
func TestOldPlacesAreForgotten(t *testing.T) {
	s := newScript(t)
	for n := range maxEntries + 10 {
		h := Hint{Addr: fmt.Sprint("host", n, ":1")}
		s.offer(s.now, h)
		s.known[one] = false
		s.expect(h, one, nil)
		s.known[one] = true
		s.now = s.now.Add(time.Second)
		s.expectNone()
	}
	if s.dropped > 0 {
		t.Errorf("%d hints were dropped", s.dropped)
	}
}

// What is dialled, rests or is still to be dialled is not forgotten for other hints.
func TestPlacesInUseAreKept(t *testing.T) {
	s := newScript(t)
	s.offer(s.now, plain)
	s.expect(plain, two, errNobody)
	s.offer(s.now, named)
	p, _, _ := s.dial()
	for n := range maxEntries - 2 {
		s.offer(s.now, Hint{Addr: fmt.Sprint("host", n, ":1"), After: time.Hour})
	}
	s.offer(s.now, Hint{Addr: "late:1"})
	if s.dropped != 1 || s.entries[destinationOf(plain)] == nil || s.entries[p] == nil {
		t.Errorf("%d hints were dropped at %d destinations, want 1 and all destinations kept", s.dropped, len(s.entries))
	}
	s.done(s.now, p, one, errNobody)
	s.now = s.now.Add(2 * restMin)
	s.offer(s.now, Hint{Addr: "late:1"})
	if s.dropped != 1 {
		t.Error("what has rested makes no room")
	}
}

// A retry dials what has failed at once, and neither members nor the node itself.
func TestARetryForgivesFailures(t *testing.T) {
	s := newScript(t)
	for range 10 { // the rest is at its longest
		s.offer(s.now, named)
		s.expect(named, transport.PeerID{}, errNobody)
		s.now = s.now.Add(2 * restMax)
	}
	s.offer(s.now, named)
	s.expect(named, transport.PeerID{}, errNobody)
	s.offer(s.now, plain)
	s.expect(plain, transport.PeerID{}, transport.ErrSelf)
	s.now = s.now.Add(time.Second)
	s.expectNone()
	s.forgive(s.now)
	s.expect(named, transport.PeerID{}, errNobody)
	s.expectNone()
	s.offer(s.now, named)
	s.now = s.now.Add(2 * restMin)
	s.expect(named, one, nil) // its record is clean
	s.forgive(s.now)
	s.expectNone()
}
