package directory

import (
	"cmp"
	"container/heap"
	"crypto/sha256"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/project-iris/iris/transport"
)

// world is a network of directories in virtual time. One seed gives one history.
type world struct {
	t      testing.TB
	config Config // of all nodes, but for who they are
	random *rand.Rand
	now    time.Time
	queue  happenings
	order  int
	nodes  []*node
	byID   map[transport.PeerID]*node

	delay     func() time.Duration // of a message
	notice    func() time.Duration // until membership tells a node what has changed
	loss      float64              // of messages
	duplicate float64
	views     map[int]*Members // of each side of a partition; nil: to be made

	codec    codec
	observer observer // may be nil

	version int    // counts what can change whether all agree
	checked int    // version of the verdict
	verdict string // disagreement
}

// node is a node of the world: its directory, and what a naive one would know.
type node struct {
	world   *world
	id      transport.PeerID
	epoch   uint64
	dir     *Directory // nil: it is down
	side    int        // of the partition
	tickAt  time.Time
	paused  time.Time // until then
	waiting []Event   // in its pause

	registered map[Name]bool
	watched    map[Name]bool
	changed    map[Name]Changed // the latest of each name
	sent       counts
	news       int                // Changed actions
	confirmed  func(token uint64) // may be nil
}

var start = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

func newWorld(t testing.TB, seed uint64, config Config) *world {
	w := &world{
		t: t, config: config, now: start, byID: make(map[transport.PeerID]*node),
		random: rand.New(rand.NewPCG(seed, 1)),
	}
	w.delay = func() time.Duration { return time.Millisecond }
	w.notice = func() time.Duration { return 0 }
	return w
}

// nodeID returns an id that looks like the hash of a key.
func nodeID(n int) transport.PeerID { return sha256.Sum256(fmt.Append(nil, "node ", n)) }

var hasher = NewHasher([32]byte{1})

// join starts n more nodes.
func (w *world) join(n int) []*node {
	for range n {
		nd := &node{world: w, id: nodeID(len(w.nodes))}
		nd.registered, nd.watched = make(map[Name]bool), make(map[Name]bool)
		w.nodes = append(w.nodes, nd)
		w.byID[nd.id] = nd
		nd.boot()
	}
	w.shift()
	return w.nodes[len(w.nodes)-n:]
}

// boot starts the node anew, with what it had.
func (n *node) boot() {
	n.epoch = max(n.epoch+1, uint64(start.UnixNano())) // as a node would take it from its clock
	n.waiting = nil
	config := n.world.config
	config.Self, config.Epoch = n.id, n.epoch
	n.dir = New(config)
	n.changed = make(map[Name]Changed)
	for _, name := range sortedNames(n.registered) {
		n.step(Register{name})
	}
	for _, name := range sortedNames(n.watched) {
		n.step(Watch{name})
	}
}

func sortedNames(set map[Name]bool) []Name {
	names := make([]Name, 0, len(set))
	for name := range set {
		names = append(names, name)
	}
	slices.SortFunc(names, compareNames)
	return names
}

// set changes a set of names.
func (n *node) set(names map[Name]bool, name Name, in bool) {
	n.world.version++
	if in {
		names[name] = true
	} else {
		delete(names, name)
	}
}

// start boots a node that is down.
func (n *node) start() {
	n.boot()
	n.world.shift()
}

// kill ends a node without a word.
func (n *node) kill() {
	n.dir = nil
	n.world.shift()
}

func (n *node) register(name Name)   { n.set(n.registered, name, true); n.step(Register{name}) }
func (n *node) unregister(name Name) { n.set(n.registered, name, false); n.step(Unregister{name}) }
func (n *node) watch(name Name)      { n.set(n.watched, name, true); n.step(Watch{name}) }
func (n *node) unwatch(name Name) {
	n.set(n.watched, name, false)
	n.step(Unwatch{name})
}

// split puts nodes on a side of their own.
func (w *world) split(side int, nodes ...*node) {
	for _, n := range nodes {
		n.side = side
	}
	w.shift()
}

// heal ends all partitions.
func (w *world) heal() { w.split(0, w.nodes...) }

// shift makes membership notice that who can reach whom has changed.
func (w *world) shift() {
	w.version++
	w.views = make(map[int]*Members)
	for _, n := range w.nodes {
		if n.dir != nil {
			w.after(w.notice(), func() { n.look() })
		}
	}
}

// look gives a node the present truth of who is up on its side.
func (n *node) look() {
	if n.dir == nil {
		return
	}
	w := n.world
	view := w.views[n.side]
	if view == nil {
		var members []Member
		for _, other := range w.nodes {
			if other.dir != nil && other.side == n.side {
				members = append(members, Member{other.id, other.epoch})
			}
		}
		view = NewMembers(members...)
		w.views[n.side] = view
	}
	n.step(Membership{view})
}

// step gives a node an event, or keeps it until the node's pause ends.
func (n *node) step(event Event) {
	if n.dir == nil {
		return
	}
	if n.paused.After(n.world.now) || len(n.waiting) > 0 {
		if n.waiting = append(n.waiting, event); len(n.waiting) == 1 {
			n.wake()
		}
		return
	}
	n.handle(event)
}

// wake makes the node handle what waits when its pause ends.
func (n *node) wake() {
	w, dir := n.world, n.dir
	w.after(n.paused.Sub(w.now), func() {
		if n.dir != dir {
			return
		}
		if n.paused.After(w.now) { // it was stopped again meanwhile
			n.wake()
			return
		}
		waiting := n.waiting
		n.waiting = nil
		for _, event := range waiting {
			n.handle(event)
		}
	})
}

func (n *node) handle(event Event) {
	w, dir := n.world, n.dir
	n.perform(n.observed(event))
	if e, ok := event.(Unwatch); ok {
		delete(n.changed, e.Name)
	}
	at, ok := n.dir.Next()
	if ok && !at.After(w.now) {
		w.t.Fatalf("node %v wants to be called again at once", n.id)
	}
	if ok && !at.Equal(n.tickAt) {
		n.tickAt = at
		w.after(at.Sub(w.now), func() {
			if n.dir == dir && n.tickAt.Equal(at) {
				n.tickAt = time.Time{}
				n.step(Tick{})
			}
		})
	}
}

// observed takes a step under the eyes of the observer, if there is one.
func (n *node) observed(event Event) []Action {
	w := n.world
	if w.observer == nil {
		return n.dir.Step(w.now, event)
	}
	before := n.dir.Stats()
	actions := n.dir.Step(w.now, event)
	w.observer.stepped(n, before, actions)
	return actions
}

func (n *node) perform(actions []Action) {
	for _, a := range actions {
		switch a := a.(type) {
		case Send:
			n.send(a)
		case Changed:
			n.changed[a.Name] = a
			n.news++
			n.world.version++
		case Confirmed:
			if n.confirmed != nil {
				n.confirmed(a.Token)
			}
		}
	}
}

// happening is something that happens at a time.
type happening struct {
	at    time.Time
	order int // of those at one time
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

func (w *world) after(wait time.Duration, do func()) {
	w.order++
	heap.Push(&w.queue, happening{w.now.Add(wait), w.order, do})
}

// run lets time pass.
func (w *world) run(span time.Duration) {
	w.runUntil(span, func() bool { return false })
}

// runUntil lets time pass until something holds, at most the span. It returns how
// long that took, and whether it holds.
func (w *world) runUntil(span time.Duration, holds func() bool) (time.Duration, bool) {
	begin, end := w.now, w.now.Add(span)
	for {
		if holds() {
			return w.now.Sub(begin), true
		}
		if len(w.queue) == 0 || w.queue[0].at.After(end) {
			w.now = end
			return span, holds()
		}
		w.now = w.queue[0].at
		for len(w.queue) > 0 && !w.queue[0].at.After(w.now) {
			heap.Pop(&w.queue).(happening).do()
		}
	}
}

// want is what a naive directory says: everybody who is up on this node's side and
// has the name.
func (n *node) want(name Name) []transport.PeerID {
	var ids []transport.PeerID
	for _, other := range n.world.nodes {
		if other != n && other.dir != nil && other.side == n.side && other.registered[name] {
			ids = append(ids, other.id)
		}
	}
	slices.SortFunc(ids, compareNodes)
	return ids
}

// agrees reports whether all nodes know of the names that they watch what is so.
func (w *world) agrees() bool {
	if w.checked != w.version {
		w.checked, w.verdict = w.version, w.disagreement()
	}
	return w.verdict == ""
}

// disagreement describes what a node does not know.
func (w *world) disagreement() string {
	for i, n := range w.nodes {
		if n.dir == nil {
			continue
		}
		for _, name := range sortedNames(n.watched) {
			got, known := n.dir.Lookup(name)
			if want := n.want(name); !known || !slices.Equal(got, want) {
				return fmt.Sprintf("node %d (%v) on %v: %v, %v; want %v", i, n.id, name, got, known, want)
			}
		}
	}
	return ""
}

// mustAgree lets time pass until all nodes agree.
func (w *world) mustAgree(within time.Duration) time.Duration {
	w.t.Helper()
	took, ok := w.runUntil(within, w.agrees)
	if !ok {
		w.t.Fatalf("after %v: %s", within, w.disagreement())
	}
	return took
}

// mustStay lets time pass in which all nodes agree all the time.
func (w *world) mustStay(span time.Duration) {
	w.t.Helper()
	if at, left := w.runUntil(span, func() bool { return !w.agrees() }); left {
		w.t.Fatalf("after %v: %s", at, w.disagreement())
	}
}
