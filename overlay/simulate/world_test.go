package simulate

import (
	"bytes"
	"cmp"
	"container/heap"
	"crypto/sha256"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/project-iris/iris/overlay/directory"
	"github.com/project-iris/iris/overlay/wire"
	"github.com/project-iris/iris/transport"
	"github.com/project-iris/iris/transport/backoff"
)

// world is a network of nodes in virtual time. Names, directory, multicast, balance, the
// tables of deadlines and the codec are those of the product. The rest is a model: links,
// membership, and in member_test.go what overlay and overlay/remote do between the parts.
type world struct {
	plan   plan
	random *rand.Rand
	now    time.Time
	queue  happenings
	order  int
	events int // that were handled
	nodes  []*node
	byID   map[transport.PeerID]*node
	links  map[[2]int]*link // the latest of two nodes, lower number first
	cut    map[[2]int]bool  // ways on which nothing gets through, sender first
	src    bytes.Buffer
	reader *wire.Reader

	calls    []*call
	messages []*message
	members  []*member
	calm     bool // the faults are over
	trace    *strings.Builder
	watch    func(what string, a, b int) // is told of all that happens; may be nil
	sum      uint64                      // of all that happened
}

var (
	start  = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	hasher = directory.NewHasher([32]byte{1})
)

func newWorld(p plan, trace *strings.Builder) *world {
	w := &world{
		plan: p, now: start, random: rand.New(rand.NewPCG(p.seed, 2)), byID: make(map[transport.PeerID]*node),
		links: make(map[[2]int]*link), cut: make(map[[2]int]bool), trace: trace, sum: 14695981039346656037,
	}
	w.reader = wire.NewReader(&w.src, wire.Limits{})
	for i := range p.nodes {
		n := &node{world: w, number: i, id: nodeIDs[i], view: directory.NewMembers()}
		w.nodes = append(w.nodes, n)
		w.byID[n.id] = n
	}
	for _, n := range w.nodes {
		if n.number == 0 || n.number < p.nodes-p.late {
			n.boot()
		}
	}
	return w
}

var nodeIDs = func() (ids [64]transport.PeerID) {
	for i := range ids {
		ids[i] = sha256.Sum256(fmt.Append(nil, "node ", i))
	}
	return ids
}()

// note takes something into the sum of the history, and into its trace if somebody reads it.
func (w *world) note(what string, a, b int) {
	for _, x := range [...]uint64{uint64(w.now.Sub(start)), uint64(a), uint64(b)} {
		w.sum = (w.sum ^ x) * 1099511628211
	}
	for i := range len(what) {
		w.sum = (w.sum ^ uint64(what[i])) * 1099511628211
	}
	if w.watch != nil {
		w.watch(what, a, b)
	}
	if w.trace != nil {
		fmt.Fprintf(w.trace, "%12v %s %d %d\n", w.now.Sub(start), what, a, b)
	}
}

// below returns a random span of time.
func (w *world) below(span time.Duration) time.Duration {
	return time.Duration(w.random.Int64N(int64(span)))
}

// happening is something that happens at a time, at a node as long as that does not die.
type happening struct {
	at    time.Time
	order int // of those at one time
	node  *node
	life  uint64
	do    func()
}

type happenings []happening

func (h happenings) Len() int { return len(h) }
func (h happenings) Less(i, j int) bool {
	return cmp.Or(h[i].at.Compare(h[j].at), cmp.Compare(h[i].order, h[j].order)) < 0
}
func (h happenings) Swap(i, j int) { h[i], h[j] = h[j], h[i] }
func (h *happenings) Push(v any)   { *h = append(*h, v.(happening)) }
func (h *happenings) Pop() any {
	last := (*h)[len(*h)-1]
	*h = (*h)[:len(*h)-1]
	return last
}

// after lets something happen later: at a node, or to the world if that is nil.
func (w *world) after(wait time.Duration, n *node, do func()) {
	h := happening{at: w.now.Add(max(wait, 0)), node: n, do: do}
	if n != nil {
		h.life = n.life
	}
	w.push(h)
}

func (w *world) push(h happening) {
	w.order++
	h.order = w.order
	heap.Push(&w.queue, h)
}

// run lets time pass. What happens to a node that pauses happens when it goes on.
func (w *world) run(until time.Time) {
	for len(w.queue) > 0 && !w.queue[0].at.After(until) {
		h := heap.Pop(&w.queue).(happening)
		if n := h.node; n != nil {
			if !n.up || n.life != h.life {
				continue
			}
			if n.paused.After(h.at) {
				h.at = n.paused // in its old order: what was sent first comes first
				heap.Push(&w.queue, h)
				continue
			}
		}
		w.now = h.at
		w.events++
		h.do()
		if h.node != nil {
			h.node.settle()
		}
	}
	w.now = until
}

// link is a link of two nodes. Each side learns by itself that it is lost.
type link struct {
	ends   [2]*side
	since  time.Time
	broken bool // nothing gets through any more
}

// side is a link as one of its nodes has it.
type side struct {
	link  *link
	node  *node
	other *node
	lanes [lanes + 2]lane
	down  bool // this node uses it no more
	calls calls
	watch bool // it is looked whether the other node lives
}

// lanes is how many lanes a link has for what applications send. One more is for what is
// forwarded, and one for the directory.
const (
	lanes        = 3
	forwardLane  = lanes
	controlLane  = lanes + 1
	silenceAfter = 1200 * time.Millisecond
)

// lane keeps the order of what is sent in it, and nothing else.
type lane struct {
	last time.Time // when the latest arrives
}

func key(a, b int) [2]int { return [2]int{min(a, b), max(a, b)} }

// target is how a node stands with the dials of another one: peers.target.
type target struct {
	dialing bool
	waits   backoff.Backoff
	next    time.Time // no dial before
	broke   time.Time // when the path of a link has failed
}

// target returns that of a member: peers.Peers.Meet.
func (n *node) target(id transport.PeerID) *target {
	t := n.targets[id]
	if _, member := n.view.Epoch(id); t == nil && member {
		t = &target{waits: backoff.Backoff{Least: 100 * time.Millisecond, Most: 2 * time.Minute}}
		n.targets[id] = t
	}
	return t
}

// rest makes the next dial wait longer than the last one.
func (w *world) rest(t *target) {
	wait := t.waits.Next()
	if w.now.Sub(t.broke) < time.Minute {
		wait = min(wait, time.Second)
	}
	t.next = w.now.Add(wait + w.below(wait))
}

// want makes a link to a member in a while, unless there is one, or the last try has failed a
// short while ago: peers.Peers.Want.
func (w *world) want(from, to *node) {
	if from == to || from.links[to.id] != nil {
		return
	}
	t := from.target(to.id)
	if t == nil || t.dialing || w.now.Before(t.next) {
		return
	}
	t.dialing = true
	w.dial(from, to, t, w.now.Add(dialTimeout))
}

// dialTimeout is that of peers.Config. A dial that gets no answer is repeated until then.
const dialTimeout = 5 * time.Second

func (w *world) dial(from, to *node, t *target, latest time.Time) {
	w.after(time.Millisecond+w.below(10*time.Millisecond), from, func() {
		silent := to.paused.After(w.now) || w.cut[[2]int{from.number, to.number}] || w.cut[[2]int{to.number, from.number}]
		switch {
		case from.links[to.id] != nil || from.targets[to.id] != t:
			t.dialing = false
		case !to.up || to.ended || from.ended || silent && w.now.After(latest):
			t.dialing = false
			w.rest(t)
		case silent:
			w.after(w.below(500*time.Millisecond), from, func() { w.dial(from, to, t, latest) })
		default:
			t.dialing = false
			w.link(from, to)
		}
	})
}

// link makes a link.
func (w *world) link(from, to *node) {
	if old := to.links[from.id]; old != nil { // which has not noticed yet
		old.lose()
	}
	l := &link{since: w.now}
	l.ends = [2]*side{{link: l, node: from, other: to}, {link: l, node: to, other: from}}
	w.links[key(from.number, to.number)] = l
	w.note("link", from.number, to.number)
	from.linkUp(l.ends[0])
	to.linkUp(l.ends[1])
	to.settle()
}

// send sends an encoded message in a lane. Nothing overtakes in a lane; lanes and links do.
func (s *side) send(number int, frame []byte) {
	w := s.node.world
	l := &s.lanes[number]
	at := w.now.Add(200*time.Microsecond + w.below(w.plan.delay))
	if at.Before(l.last) {
		at = l.last
	}
	l.last = at
	w.after(at.Sub(w.now), s.other, func() { s.arrive(frame) })
}

// arrive hands a message to the other node, if the link still is what it was.
func (s *side) arrive(frame []byte) {
	w := s.node.world
	there := s.other.links[s.node.id]
	if s.link.broken || there == nil || there.link != s.link {
		return
	}
	if w.cut[[2]int{s.node.number, s.other.number}] { // it is sent again until it gets through
		s.link.broken = true // or the link is given up, as here: both sides notice later
		s.breakUp()
		return
	}
	w.src.Write(frame)
	m, err := w.reader.Read()
	if err != nil {
		panic(fmt.Sprintf("node %d sent %x: %v", s.node.number, frame, err))
	}
	s.other.receive(there, m)
}

// breakUp ends a link without a word. Each side notices by itself, those first who wait.
func (s *side) breakUp() {
	w := s.node.world
	s.link.broken = true
	for _, end := range s.link.ends {
		wait := w.below(silenceAfter)
		if w.random.IntN(3) == 0 {
			wait = 0
		}
		w.after(wait, end.node, end.lose)
	}
}

// lose is what a node does when it notices that a link is lost.
func (s *side) lose() {
	if !s.link.broken {
		s.breakUp() // the other node notices as well
	}
	if !s.down {
		s.down = true
		w := s.node.world
		w.note("lost", s.node.number, s.other.number)
		if t := s.node.targets[s.other.id]; t != nil { // peers.target.lost
			t.broke = w.now
			if w.now.Sub(s.link.since) >= 10*time.Second {
				t.waits.Reset()
				t.next = time.Time{}
			} else {
				w.rest(t)
			}
		}
		s.node.linkDown(s)
	}
}

// look gives the link up if the other node is silent, while it is waited for.
func (s *side) look() {
	w := s.node.world
	if s.down || s.calls.Len() == 0 {
		s.watch = false
		return
	}
	silent := s.link.broken || !s.other.up || s.other.paused.After(w.now) ||
		w.cut[[2]int{s.node.number, s.other.number}] || w.cut[[2]int{s.other.number, s.node.number}]
	if silent {
		s.lose()
		return
	}
	w.after(silenceAfter, s.node, s.look)
}

// shift lets each node hear, in its time, who is in the network.
func (w *world) shift(least, most time.Duration) {
	for _, n := range w.nodes {
		if n.up {
			w.after(least+w.below(most-least+1), n, n.hear)
		}
	}
}

// hear takes over who is in the network: those who live and can be reached both ways.
func (n *node) hear() {
	w := n.world
	members := make([]directory.Member, 0, len(w.nodes))
	for _, other := range w.nodes {
		if other.up && !other.ended && !w.cut[[2]int{n.number, other.number}] && !w.cut[[2]int{other.number, n.number}] {
			members = append(members, directory.Member{ID: other.id, Epoch: other.life})
		}
	}
	n.view = directory.NewMembers(members...)
	for _, other := range w.nodes {
		if _, member := n.view.Epoch(other.id); member {
			continue
		}
		delete(n.targets, other.id)
		delete(n.unsent, other.id)
		if s := n.links[other.id]; s != nil && !other.ended { // one that leaves ends its links itself
			s.lose()
		}
	}
	n.feed(directory.Membership{Members: n.view})
}
