package beacon

import (
	"container/heap"
	"encoding/binary"
	"math/rand/v2"
	"net/netip"
	"testing"
	"time"

	"github.com/project-iris/iris/transport"
)

// wire is a wire with stations on it, in virtual time: every announcement reaches all of
// them, after a moment. Stations that link are of one group, whose members know each other
// soon after, as the network between nodes brings about.
type wire struct {
	t        *testing.T
	random   *rand.Rand
	now      time.Time
	events   events
	order    int
	stations []*simulated
	cut      bool // nobody hears anybody

	announced int // in all
	dials     int
	worst     int // announcements in one second
	second    time.Time
	inSecond  int
}

// simulated is a station on a wire.
type simulated struct {
	*station
	group   *group
	wakes   time.Time
	dialed  int // by it
	reached int // by others' dials
}

type group struct{ nodes []*simulated }

// The times that the simulated network takes.
const (
	flight = time.Millisecond       // of a packet
	dial   = 20 * time.Millisecond  // to a link
	gossip = 200 * time.Millisecond // until all members know of it
)

type event struct {
	at    time.Time
	order int
	do    func()
}

type events []event

func (e events) Len() int { return len(e) }
func (e events) Less(i, j int) bool {
	return e[i].at.Before(e[j].at) || e[i].at.Equal(e[j].at) && e[i].order < e[j].order
}
func (e events) Swap(i, j int) { e[i], e[j] = e[j], e[i] }
func (e *events) Push(x any)   { *e = append(*e, x.(event)) }
func (e *events) Pop() any {
	last := (*e)[len(*e)-1]
	*e = (*e)[:len(*e)-1]
	return last
}

func newWire(t *testing.T, seed uint64) *wire {
	return &wire{t: t, random: rand.New(rand.NewPCG(seed, 1)), now: noon}
}

func (w *wire) after(d time.Duration, do func()) {
	w.order++
	heap.Push(&w.events, event{w.now.Add(d), w.order, do})
}

// run lets time pass.
func (w *wire) run(d time.Duration) {
	for end := w.now.Add(d); ; {
		if len(w.events) == 0 || w.events[0].at.After(end) {
			w.now = end
			return
		}
		e := heap.Pop(&w.events).(event)
		w.now = e.at
		e.do()
	}
}

// add starts a station.
func (w *wire) add() *simulated {
	var id transport.PeerID
	binary.BigEndian.PutUint64(id[:], w.random.Uint64())
	s := &simulated{station: newStation(w.now, id, w.random, true, false)}
	s.group = &group{nodes: []*simulated{s}}
	w.stations = append(w.stations, s)
	w.wake(s)
	return s
}

// wake has a station do what is due, when it is.
func (w *wire) wake(s *simulated) {
	due := s.due()
	if due.Equal(s.wakes) {
		return
	}
	s.wakes = due
	w.after(due.Sub(w.now), func() {
		if due.Equal(s.wakes) {
			s.wakes = time.Time{}
			w.do(s, s.step(w.now))
		}
	})
}

func (w *wire) do(s *simulated, actions []action) {
	for _, a := range actions {
		if a.send == Announcement {
			w.announce(s)
		} else if a.hint.Addr != "" {
			w.after(a.hint.After, func() { w.dial(s, a.hint.ID) })
		}
	}
	w.wake(s)
}

func (w *wire) announce(s *simulated) {
	w.announced++
	if w.now.Sub(w.second) >= time.Second {
		w.second, w.inSecond = w.now, 0
	}
	w.inSecond++
	w.worst = max(w.worst, w.inSecond)
	b := Beacon{Kind: Announcement, ID: s.self, Nodes: uint32(s.others + 1), Addresses: "mem://x"}
	if w.cut {
		return
	}
	w.after(flight, func() {
		for _, other := range w.stations {
			if other != s {
				w.do(other, other.hear(w.now, b, netip.AddrPort{}, other.group == s.group))
			}
		}
	})
}

// dial links two stations, unless they are members of one network by then.
func (w *wire) dial(from *simulated, id transport.PeerID) {
	to := w.find(id)
	if from.group == to.group || w.cut {
		return
	}
	w.dials++
	from.dialed++
	to.reached++
	w.after(dial, func() { w.merge(from.group, to.group) })
}

func (w *wire) find(id transport.PeerID) *simulated {
	for _, s := range w.stations {
		if s.self == id {
			return s
		}
	}
	w.t.Fatalf("a hint at %v, which nobody is", id)
	return nil
}

// merge makes one group of two.
func (w *wire) merge(a, b *group) {
	if a == b {
		return
	}
	if len(a.nodes) < len(b.nodes) {
		a, b = b, a
	}
	a.nodes = append(a.nodes, b.nodes...)
	for _, s := range b.nodes {
		s.group = a
	}
	w.after(gossip, func() { w.count(a) })
}

// count tells all members how many they are.
func (w *wire) count(g *group) {
	for _, s := range g.nodes {
		s.members(w.now, len(g.nodes)-1)
		w.wake(s)
	}
}

// together fails unless all are of one group.
func (w *wire) together() {
	w.t.Helper()
	for _, s := range w.stations {
		if s.group != w.stations[0].group {
			w.t.Fatalf("a group of %d and one of %d after %v", len(w.stations[0].group.nodes), len(s.group.nodes), w.now.Sub(noon))
		}
	}
}

// reset begins to count anew.
func (w *wire) reset() {
	w.announced, w.dials, w.worst = 0, 0, 0
	for _, s := range w.stations {
		s.dialed, s.reached = 0, 0
	}
}

// mostReached is how often the station was dialled that was dialled most.
func (w *wire) mostReached() (most int) {
	for _, s := range w.stations {
		most = max(most, s.reached)
	}
	return most
}
