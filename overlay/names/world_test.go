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

	"github.com/project-iris/iris/overlay/balance"
	"github.com/project-iris/iris/overlay/directory"
)

// world is a network of nodes, each with its names and its directory, in virtual time. One
// seed gives one history. What the overlay does between them is done here in its simplest
// form: requests are handed over, refused and answered, and messages sent, over links that
// delay what they carry and lose it when they are cut.
type world struct {
	t       *testing.T
	random  *rand.Rand
	now     time.Time
	queue   happenings
	order   int
	nodes   []*node
	byID    map[NodeID]*node
	links   map[[2]*node]*link // by sender and receiver
	calls   []*call
	members int
	log     strings.Builder
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
	id       NodeID
	names    *Names
	dir      *directory.Directory
	members  []*member
	draining bool
	tickAt   time.Time
}

// member is a member of a node.
type member struct {
	node    *node
	number  int
	cluster string
	gone    bool
	busy    bool // it refuses what it is given
	room    Room
	load    int64
	gauge   balance.Gauge
	topics  map[string]bool
	tokens  uint64
	sent    int              // messages
	got     map[string][]int // numbers of messages, by sender and name
}

func (m *member) Room() *Room { return &m.room }
func (m *member) Open(token uint64) bool {
	c := m.node.world.find(m, token)
	return c != nil && c.answer == ""
}
func (m *member) Load() int64                { return m.load }
func (m *member) Take()                      { m.load++ }
func (m *member) Cost(now time.Time) float64 { return m.gauge.CostWith(now, m.load) }

// call is a request.
type call struct {
	from     *member
	token    uint64
	cluster  string
	deadline time.Time
	attempt  Attempt
	at       *node // that was asked; nil: none is
	gauge    *balance.Gauge
	runs     int
	waited   string // the cluster where it did, if it was asked another node then
	answer   string
	answered time.Time
}

// route is a route that sends to each node directly.
type route struct{ nodes []NodeID }

func (r *route) Move(nodes []NodeID) { r.nodes = nodes }
func (r *route) Close()              {}

var (
	start  = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	hasher = directory.NewHasher([32]byte{1})
)

func newWorld(t *testing.T, seed uint64, nodes int) *world {
	w := &world{
		t: t, now: start, random: rand.New(rand.NewPCG(seed, 2)),
		byID: make(map[NodeID]*node), links: make(map[[2]*node]*link),
	}
	var all []directory.Member
	for i := range nodes {
		n := &node{world: w, number: i, id: sha256.Sum256(fmt.Append(nil, "node ", i))}
		n.dir = directory.New(directory.Config{Self: n.id, Epoch: 1, Everywhere: 4, Seed: seed})
		n.names = New(Config{
			Hasher: hasher, Linked: n.linked, Draw: w.random.IntN,
			Route:     func(nodes []NodeID) Route { return &route{nodes} },
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

func (w *world) note(format string, args ...any) {
	fmt.Fprintf(&w.log, "%v "+format+"\n", append([]any{w.now.Sub(start)}, args...)...)
}

// linked reports whether there is a link to a node.
func (n *node) linked(id NodeID) bool {
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
	at := w.now.Add(time.Millisecond + time.Duration(w.random.Int64N(int64(4*time.Millisecond))))
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
		n.feed(n.names.Changes()...)
	}
	n.resume(n.names.Retry(n.world.now))
	if why := n.names.inconsistency(); why != "" {
		n.world.t.Fatalf("node %d: %s", n.number, why)
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
				n.resume(n.names.Changed(n.world.now, action))
			}
		}
		if watch, ok := event.(directory.Watch); ok {
			if nodes, known := n.dir.Lookup(watch.Name); known {
				n.resume(n.names.Changed(n.world.now, directory.Changed{Name: watch.Name, Nodes: nodes, Known: known}))
			}
		}
	}
}

// resume lets go on who waited.
func (n *node) resume(resumed Resumed) {
	for _, who := range resumed.Waiters {
		who.(func())()
	}
	for _, r := range resumed.Requests {
		if c := n.world.find(r.Owner.(*member), r.Token); c != nil && c.answer == "" {
			c.attempt = r.Attempt()
			n.dispatch(c)
		}
	}
}

func (w *world) find(from *member, token uint64) *call {
	i := slices.IndexFunc(w.calls, func(c *call) bool { return c.from == from && c.token == token })
	if i < 0 {
		return nil
	}
	return w.calls[i]
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
