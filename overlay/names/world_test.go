package names

import (
	"cmp"
	"container/heap"
	"crypto/sha256"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/project-iris/iris/overlay/directory"
	"github.com/project-iris/iris/transport"
)

// world is a network of nodes, each with its names and its directory, in virtual time. One
// seed gives one history. What the overlay does between them is done here in its simplest
// form: requests are handed over, refused and answered, and messages sent, over links that
// delay what they carry and lose it when they are cut.
type world struct {
	t       testing.TB
	random  *rand.Rand
	now     time.Time
	queue   happenings
	order   int
	nodes   []*node
	byID    map[transport.PeerID]*node
	links   map[[2]*node]*link // by sender and receiver
	calls   []*call
	members int
	log     strings.Builder
	names   map[Name]string // that were used

	delay func() time.Duration             // of a message
	takes func() time.Duration             // what a member takes to answer
	told  func(format string, args ...any) // is told what happens, instead of the log; may be nil
}

// link is one direction between two nodes.
type link struct {
	cut   bool
	epoch int       // grows when it is cut
	last  time.Time // when what was sent last arrives: nothing overtakes it
}

// node is a node.
type node struct {
	world    *world
	number   int
	id       transport.PeerID
	names    *Names
	dir      *directory.Directory
	members  []*member
	draining bool
	tickAt   time.Time
}

// route is a route that sends to each node directly.
type route struct{ nodes []transport.PeerID }

func (r *route) Move(nodes []transport.PeerID) { r.nodes = nodes }
func (r *route) Close()                        {}

// everywhere is the largest network in which each node is told what all others have.
const everywhere = 4

var (
	start  = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	hasher = directory.NewHasher([32]byte{1})
)

func newWorld(t testing.TB, seed uint64, nodes int) *world {
	w := &world{
		t: t, now: start, random: rand.New(rand.NewPCG(seed, 2)),
		byID: make(map[transport.PeerID]*node), links: make(map[[2]*node]*link), names: make(map[Name]string),
	}
	w.delay = func() time.Duration { return time.Millisecond + w.below(4*time.Millisecond) }
	w.takes = func() time.Duration { return w.below(20 * time.Millisecond) }
	var all []directory.Member
	for i := range nodes {
		n := &node{world: w, number: i, id: sha256.Sum256(fmt.Append(nil, "node ", i))}
		n.dir = directory.New(directory.Config{Self: n.id, Epoch: 1, Everywhere: everywhere, Seed: seed})
		n.names = New(Config{
			Hasher: hasher, Linked: n.linked, Want: func(transport.PeerID) {}, Draw: w.random.IntN,
			Route:     func(nodes []transport.PeerID) Route { return &route{nodes} },
			HeldBytes: 200, Topics: 3, TopicBytes: 100,
		})
		w.nodes = append(w.nodes, n)
		w.byID[n.id] = n
		all = append(all, directory.Member{ID: n.id, Epoch: 1})
	}
	for _, a := range w.nodes {
		for _, b := range w.nodes {
			w.links[[2]*node{a, b}] = &link{}
		}
	}
	for _, n := range w.nodes {
		n.feed(directory.Membership{Members: directory.NewMembers(all...)})
	}
	return w
}

// below returns a random span of time.
func (w *world) below(span time.Duration) time.Duration {
	return time.Duration(w.random.Int64N(int64(span)))
}

// note logs what is done to the nodes.
func (w *world) note(format string, args ...any) {
	fmt.Fprintf(&w.log, "%v "+format+"\n", append([]any{w.now.Sub(start)}, args...)...)
}

// happens tells what comes of it.
func (w *world) happens(format string, args ...any) {
	if w.told != nil {
		w.told(format, args...)
		return
	}
	w.note("    "+format, args...)
}

// spell notes what a name is called that the directory knows by its hash.
func (w *world) spell(name string) {
	w.names[hasher.Cluster([]byte(name))] = name
	w.names[hasher.Topic([]byte(name))] = name
}

func (n *node) String() string { return fmt.Sprint("n", n.number) }

// linked reports whether there is a link to a node.
func (n *node) linked(id transport.PeerID) bool {
	return !n.world.links[[2]*node{n, n.world.byID[id]}].cut
}

// send lets something happen at another node, after what was sent there before, unless the
// link is cut meanwhile.
func (n *node) send(to *node, arrive func()) {
	w := n.world
	l := w.links[[2]*node{n, to}]
	if l.cut {
		return
	}
	at := w.now.Add(w.delay())
	if at.Before(l.last) {
		at = l.last
	}
	l.last = at
	epoch := l.epoch
	w.after(at.Sub(w.now), func() {
		if l.epoch == epoch {
			arrive()
		}
	})
}

// settle does what has changed at a node, until nothing does, and sets its timer.
func (n *node) settle() {
	for n.names.Dirty() {
		events := n.names.Changes()
		n.world.happens("%v tells its directory: %s", n, n.world.words(events))
		n.feed(events...)
	}
	n.resume(n.names.Retry(n.world.now))
	if why := n.names.inconsistency(); why != "" {
		n.world.t.Fatalf("%v: %s", n, why)
	}
	at, ok := n.dir.Next()
	if retry, waits := n.names.Next(); waits && (!ok || retry.Before(at)) {
		at, ok = retry, true
	}
	if !ok || at.Equal(n.tickAt) {
		return
	}
	n.tickAt = at
	n.world.after(max(at.Sub(n.world.now), 0), func() {
		if n.tickAt.Equal(at) {
			n.tickAt = time.Time{}
			n.feed(directory.Tick{})
			n.settle()
		}
	})
}

// feed gives the directory events, and does what it wants.
func (n *node) feed(events ...directory.Event) {
	for _, event := range events {
		for _, action := range n.dir.Step(n.world.now, event) {
			switch action := action.(type) {
			case directory.Send:
				to := n.world.byID[action.To]
				n.send(to, func() {
					to.feed(directory.Received{From: n.id, Message: action.Message})
					to.settle()
				})
			case directory.Changed:
				n.learn(action)
			}
		}
		if watch, ok := event.(directory.Watch); ok {
			if nodes, known := n.dir.Lookup(watch.Name); known {
				n.learn(directory.Changed{Name: watch.Name, Nodes: nodes, Known: known})
			}
		}
	}
}

// learn takes over what the directory knows about a name.
func (n *node) learn(c directory.Changed) {
	if p := n.names.places[c.Name]; p != nil && (c.Known && !p.known || !slices.Equal(p.nodes, c.Nodes)) {
		n.world.happens("%v learns: %s is at %s", n, n.world.names[c.Name], n.world.list(c.Nodes))
	}
	n.resume(n.names.Changed(n.world.now, c))
}

// resume lets go on who waited.
func (n *node) resume(resumed Resumed) {
	for _, who := range resumed.Waiters {
		who.(func())()
	}
	for _, r := range resumed.Requests {
		if c := n.world.find(r.Owner.(*member), r.Token); c != nil && c.answer == "" {
			n.world.happens("%v lets %v go on", n, c)
			c.attempt = r.Attempt()
			n.dispatch(c)
		}
	}
}

// words says what a directory is told, in the order of the alphabet.
func (w *world) words(events []directory.Event) string {
	var words []string
	for _, event := range events {
		switch e := event.(type) {
		case directory.Register:
			words = append(words, "register "+w.names[e.Name])
		case directory.Unregister:
			words = append(words, "unregister "+w.names[e.Name])
		case directory.Watch:
			words = append(words, "watch "+w.names[e.Name])
		case directory.Unwatch:
			words = append(words, "unwatch "+w.names[e.Name])
		}
	}
	slices.Sort(words)
	return strings.Join(words, ", ")
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
	end := w.now.Add(span)
	for len(w.queue) > 0 && !w.queue[0].at.After(end) {
		h := heap.Pop(&w.queue).(happening)
		w.now = h.at
		h.do()
	}
	w.now = end
}
