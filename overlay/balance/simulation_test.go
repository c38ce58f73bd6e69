package balance

import (
	"container/heap"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

// server is a node with so many members, which answer one request at a time.
type server struct {
	workers int
	mean    time.Duration // of the time that a request takes
	fault   bool          // it answers with faults, of the same latency
	queue   int           // requests that it takes while its members are busy; more are refused

	busy    int
	waiting []func()
	served  int
	refused int
}

// cluster is a closed loop: clients that each send a request as soon as they have
// the answer to the one before, through some nodes that each measure for themselves.
type cluster struct {
	now     time.Time
	events  events
	random  *rand.Rand
	servers []*server
	callers []*caller
	good    int // replies that are no faults
	failed  int // requests that three have refused
	hop     time.Duration
}

// caller is a node that picks among the servers.
type caller struct{ gauges []Gauge }

type event struct {
	at    time.Time
	order int
	do    func()
}

type events struct {
	list  []event
	order int
}

func (e *events) Len() int { return len(e.list) }
func (e *events) Less(i, j int) bool {
	a, b := e.list[i], e.list[j]
	return a.at.Before(b.at) || a.at.Equal(b.at) && a.order < b.order
}
func (e *events) Swap(i, j int) { e.list[i], e.list[j] = e.list[j], e.list[i] }
func (e *events) Push(v any)    { e.list = append(e.list, v.(event)) }
func (e *events) Pop() any {
	last := e.list[len(e.list)-1]
	e.list = e.list[:len(e.list)-1]
	return last
}

func (c *cluster) after(d time.Duration, do func()) {
	c.events.order++
	heap.Push(&c.events, event{c.now.Add(d), c.events.order, do})
}

// simulate runs the clients for some time.
func simulate(servers []*server, callers, clients int, span time.Duration) *cluster {
	c := &cluster{now: start, random: rand.New(rand.NewPCG(7, 7)), servers: servers, hop: 100 * time.Microsecond}
	for range callers {
		c.callers = append(c.callers, &caller{gauges: make([]Gauge, len(servers))})
	}
	for i := range clients {
		c.request(c.callers[i%callers], nil)
	}
	end := start.Add(span)
	for c.events.Len() > 0 && c.events.list[0].at.Before(end) {
		e := heap.Pop(&c.events).(event)
		c.now = e.at
		e.do()
	}
	return c
}

// request hands a request to a node, and sends the next one when it is answered.
func (c *cluster) request(from *caller, refused []int) {
	picked := -1
	if len(refused) < 3 {
		picked = Pick(c.now, len(c.servers), c.random.IntN, func(i int) *Gauge {
			if slices.Contains(refused, i) {
				return nil
			}
			return &from.gauges[i]
		})
	}
	if picked < 0 {
		c.failed++
		c.after(time.Millisecond, func() { c.request(from, nil) })
		return
	}
	asked, g, s := c.now, &from.gauges[picked], c.servers[picked]
	g.Begin()
	c.after(c.hop, func() {
		if s.busy == s.workers && len(s.waiting) >= s.queue {
			s.refused++
			c.after(c.hop, func() {
				g.Refused(c.now, s.load())
				c.request(from, append(refused[:len(refused):len(refused)], picked))
			})
			return
		}
		c.serve(s, func() {
			load := s.load()
			c.after(c.hop, func() {
				g.Answered(c.now, c.now.Sub(asked), load, s.fault)
				if !s.fault {
					c.good++
				}
				c.request(from, nil)
			})
		})
	})
}

// load is what each of the server's members has in hand.
func (s *server) load() uint64 { return uint64((s.busy + len(s.waiting)) / max(s.workers, 1)) }

// serve lets a member of the server work on a request when one is free.
func (c *cluster) serve(s *server, answer func()) {
	if s.busy == s.workers {
		s.waiting = append(s.waiting, answer)
		return
	}
	s.busy++
	c.after(time.Duration(c.random.ExpFloat64()*float64(s.mean)), func() {
		s.busy--
		s.served++
		if len(s.waiting) > 0 {
			next := s.waiting[0]
			s.waiting = s.waiting[1:]
			c.serve(s, next)
		}
		answer()
	})
}

func fast() *server { return &server{workers: 4, mean: time.Millisecond, queue: 1000} }

func (c *cluster) share(s *server) float64 {
	all := 0
	for _, other := range c.servers {
		all += other.served + other.refused
	}
	return float64(s.served+s.refused) / float64(all)
}

// Four servers, of which one is ten times slower, give about what three give, and
// the slow one gets little, whether few or many ask at once.
func TestOneSlowServer(t *testing.T) {
	for _, callers := range []int{1, 10} {
		for _, clients := range []int{6, 24, 100} {
			three := simulate([]*server{fast(), fast(), fast()}, callers, clients, 2*time.Second)
			slow := &server{workers: 4, mean: 10 * time.Millisecond, queue: 1000}
			four := simulate([]*server{fast(), fast(), fast(), slow}, callers, clients, 2*time.Second)
			t.Logf("%d callers, %d clients: %d replies from three, %d from four; the slow one gets %.1f%%",
				callers, clients, three.good, four.good, 100*four.share(slow))
			if float64(four.good) < 0.85*float64(three.good) {
				t.Errorf("%d callers, %d clients: %d replies, three give %d", callers, clients, four.good, three.good)
			}
			if four.share(slow) > 0.1 {
				t.Errorf("%d callers, %d clients: the slow server gets %.1f%%", callers, clients, 100*four.share(slow))
			}
		}
	}
}

// A server that answers ten times faster, with faults, or refuses at once, must not
// draw what others would serve.
func TestFastFailures(t *testing.T) {
	for _, row := range []struct {
		name string
		bad  server
	}{
		{"faults", server{workers: 4, mean: 100 * time.Microsecond, fault: true, queue: 1000}},
		{"refusals", server{}},
	} {
		for _, clients := range []int{6, 24} {
			bad := row.bad
			c := simulate([]*server{fast(), fast(), fast(), &bad}, 4, clients, 2*time.Second)
			t.Logf("%s, %d clients: the bad server gets %.1f%%, %d replies, %d failed", row.name, clients, 100*c.share(&bad), c.good, c.failed)
			if c.share(&bad) > 0.1 {
				t.Errorf("%s, %d clients: the bad server gets %.1f%%", row.name, clients, 100*c.share(&bad))
			}
		}
	}
}

// Equal servers get equal shares.
func TestEqualServers(t *testing.T) {
	c := simulate([]*server{fast(), fast(), fast(), fast()}, 4, 24, 2*time.Second)
	for i, s := range c.servers {
		if share := c.share(s); share < 0.22 || share > 0.28 {
			t.Errorf("server %d gets %.1f%%", i, 100*share)
		}
	}
}
