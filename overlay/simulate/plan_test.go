package simulate

import (
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/project-iris/iris/overlay/wire"
)

// plan is what is done to a network: all of it follows from the seed, but for what shrinking
// has left out.
type plan struct {
	seed       uint64
	nodes      int
	late       int // of the nodes, how many start later
	everywhere int // see directory.Config
	delay      time.Duration
	good       bool // all goes in good order: nothing dies, and no link is lost
	steps      []step
}

// step is one thing that is done.
type step struct {
	at   time.Duration
	what what
	x    [5]uint32 // to whom, and how
}

type what int

const (
	attach what = iota
	leave
	detach
	busy
	ask
	publish
	broadcast
	subscribe
	unsubscribe
	drain
	join
	pause // those from here on are not in good order
	crash
	loseLink
	cutWay
	cutBoth
	restart
)

var words = [...]string{"attach", "leave", "detach", "busy", "ask", "publish", "broadcast", "subscribe", "unsubscribe", "drain", "join", "pause", "crash", "lose link", "cut one way", "cut both ways", "restart"}

func (s step) String() string { return fmt.Sprintf("%v %s %v", s.at, words[s.what], s.x) }

// weights are how often each is done.
var weights = [...]int{12, 3, 2, 5, 30, 14, 10, 8, 3, 1, 3, 2, 1, 5, 2, 1, 2}

// length is how much is done in a history, and twice that in one of few nodes.
const length = 130

// newPlan makes the plan of a seed. One in three is in good order; one in 64 is of so many
// nodes that messages are forwarded.
func newPlan(seed uint64) plan {
	r := rand.New(rand.NewPCG(seed, 1))
	p := plan{seed: seed, nodes: 2 + r.IntN(5), everywhere: 4, good: seed%3 == 0}
	p.late = r.IntN(2)
	p.delay = []time.Duration{time.Millisecond, 5 * time.Millisecond, 50 * time.Millisecond}[r.IntN(3)]
	if seed%64 == 1 {
		p.nodes, p.everywhere = 44, 64
	}
	total, at := 0, time.Duration(0)
	for i, weight := range weights {
		if !p.good || what(i) < pause {
			total += weight
		}
	}
	steps := length
	if p.nodes < 4 {
		steps *= 2
	}
	for i := range steps {
		s := step{what: attach}
		if i >= p.nodes && i >= 6 {
			k := r.IntN(total)
			for k >= weights[s.what] {
				k -= weights[s.what]
				s.what++
			}
			at += time.Duration(r.Int64N(int64([]time.Duration{1, time.Millisecond, 20 * time.Millisecond, 500 * time.Millisecond}[r.IntN(4)])))
		} else {
			at += time.Millisecond
		}
		s.at = at
		for j := range s.x {
			s.x[j] = r.Uint32()
		}
		p.steps = append(p.steps, s)
		if p.nodes > 40 && s.what == attach {
			p.steps = append(p.steps, step{at: at, what: subscribe, x: [5]uint32{uint32(i), 0, 0, 0, 0}})
		}
	}
	return p
}

var clusters = [...]string{"a", "b", "", "a", "nobody"}

// do does a step.
func (w *world) do(s step) {
	n := w.nodes[int(s.x[0])%len(w.nodes)]
	other := w.nodes[int(s.x[1])%len(w.nodes)]
	if s.what == join || s.what == restart {
		if !n.up && !w.calm && (s.what == restart || n.life == 0) {
			n.boot()
		}
		return
	}
	if !n.up {
		return
	}
	if s.what >= attach && s.what <= unsubscribe && n.paused.After(w.now) {
		return
	}
	var m *member
	if len(n.members) > 0 {
		m = n.members[int(s.x[1])%len(n.members)]
	}
	span := func(x uint32, most time.Duration) time.Duration { return time.Duration(x) % most }
	switch s.what {
	case attach:
		if n.draining || n.ended {
			return
		}
		how := manner{takes: 1 + span(s.x[3], 20*time.Millisecond)}
		if !w.plan.good {
			switch s.x[3] % 8 {
			case 0:
				how.never = true
			case 1:
				how.takes = 1 + span(s.x[4], 3*time.Second)
			}
		}
		how.twice, how.strays = s.x[4]%4 == 0, s.x[4]%5 == 0
		n.attach(clusters[s.x[2]%4], s.x[2]%7 == 0, how)
	case drain:
		if n.number > 0 && !n.draining {
			n.drain()
		}
	case pause:
		if until := w.now.Add(span(s.x[2], 3*time.Second)); until.After(n.paused) {
			n.paused = until
			n.pauses = append(n.pauses, [2]time.Time{w.now, until})
		}
		w.note("pause", n.number, int(n.paused.Sub(w.now)))
	case crash:
		if n.number > 0 {
			n.crash()
		}
	case loseLink:
		if l := n.links[other.id]; l != nil {
			l.breakUp()
		}
	case cutWay, cutBoth:
		if n == other {
			return
		}
		ways := [][2]int{{n.number, other.number}}
		if s.what == cutBoth {
			ways = append(ways, [2]int{other.number, n.number})
		}
		for _, way := range ways {
			w.cut[way] = true
		}
		w.note("cut", n.number, other.number)
		w.shift(3*time.Second, 9*time.Second)
		w.after(span(s.x[2], 8*time.Second), nil, func() {
			for _, way := range ways {
				delete(w.cut, way)
			}
			w.shift(time.Millisecond, 3*time.Second)
		})
	}
	if m == nil || m.gone {
		return
	}
	switch s.what {
	case leave:
		m.leave()
	case detach:
		if !w.plan.good || m.load == 0 && m.asked.Len() == 0 && len(m.outbox) == 0 {
			m.close()
		}
	case busy:
		most := 2 * time.Second
		if w.plan.good {
			most = 300 * time.Millisecond
		}
		m.busy(1 + span(s.x[2], most))
	case ask:
		m.ask(clusters[[...]int{0, 0, 1, 1, 4}[s.x[2]%5]], span(s.x[3], 6*time.Second))
	case publish:
		m.publish(wire.KindEvent, []string{"x", "y"}[s.x[2]%2])
	case broadcast:
		m.publish(wire.KindBroadcast, []string{"a", "b", "nobody"}[s.x[2]%3])
	case subscribe:
		m.subscribe([]string{"x", "y", "z"}[s.x[2]%3])
	case unsubscribe:
		m.unsubscribe([]string{"x", "y"}[s.x[2]%2])
	}
}

// play plays a plan to its end: what is done, a time in which all is well again and everybody
// is sent something by everybody, and the end of all members.
func (w *world) play() []string {
	for _, s := range w.plan.steps {
		w.after(s.at, nil, func() {
			w.do(s)
			for _, n := range w.nodes {
				n.settle()
			}
		})
	}
	end := start
	if k := len(w.plan.steps); k > 0 {
		end = start.Add(w.plan.steps[k-1].at)
	}
	w.run(end)
	w.calm = true
	w.run(end.Add(25 * time.Second))
	last := w.farewell()
	w.run(w.now.Add(6 * time.Second))
	broken := append(w.check(last), nothingWaits(w)...)
	for _, n := range w.nodes {
		if n.up {
			for _, m := range append([]*member(nil), n.members...) {
				m.close()
			}
			n.names.Sweep()
			n.names.Sweep()
			n.settle()
		}
	}
	w.run(w.now.Add(3 * time.Second))
	return append(broken, w.nothingIsLeft()...)
}
