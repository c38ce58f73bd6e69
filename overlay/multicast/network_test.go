package multicast

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/project-iris/iris/overlay/wire"
	"github.com/project-iris/iris/transport"
)

// testLanes is how many lanes the links of the tests have, and one for what is forwarded.
const testLanes = 4

// way is from one node to another, by their numbers, and lane one of its lanes.
type (
	way  struct{ from, to int }
	lane struct {
		way    way
		number int
	}
)

// network is a network in memory of nodes that are all linked. What they send waits in
// lanes until the test lets it flow. It lives in a bubble.
type network struct {
	t      testing.TB
	nodes  []*testNode
	random *rand.Rand
	src    bytes.Buffer
	reader *wire.Reader // of src

	mu    sync.Mutex
	lanes []*testLane           // that have been used
	links map[way]*testLink     // that have been used
	cut   map[way]bool          // those that are lost
	held  map[lane]bool         // where nothing flows
	full  map[way]chan struct{} // where there is no room, until it is closed
}

// inNetwork runs a test in a network of n nodes.
func inNetwork(t *testing.T, n int, test func(w *network)) {
	synctest.Test(t, func(t *testing.T) {
		w := &network{
			t: t, random: rand.New(rand.NewPCG(1, 1)), links: make(map[way]*testLink),
			cut: make(map[way]bool), held: make(map[lane]bool), full: make(map[way]chan struct{}),
		}
		w.reader = wire.NewReader(&w.src, wire.Limits{})
		for i := range n {
			h := &testNode{network: w, number: i}
			h.Multicast = New(h, testLanes)
			w.nodes = append(w.nodes, h)
		}
		test(w)
		for _, h := range w.nodes {
			h.Close()
		}
	})
}

// hold keeps what is under way from one node to another, and whatever follows, until it is
// released.
func (w *network) hold(from, to int) {
	for i := range testLanes + 1 {
		w.holdLane(from, to, i)
	}
}

// holdLane does that with one lane.
func (w *network) holdLane(from, to, number int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.held[lane{way{from, to}, number}] = true
}

func (w *network) release(from, to int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for i := range testLanes + 1 {
		delete(w.held, lane{way{from, to}, i})
	}
}

// fill takes all room from the lanes of one node to another.
func (w *network) fill(from, to int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.full[way{from, to}] = make(chan struct{})
}

func (w *network) empty(from, to int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	close(w.full[way{from, to}])
	delete(w.full, way{from, to})
}

// lose ends the link of two nodes, with what is under way on it. The nodes are not told.
func (w *network) lose(a, b int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, lost := range []way{{a, b}, {b, a}} {
		w.cut[lost] = true
		if l := w.links[lost]; l != nil {
			l.cancel()
		}
		w.lanes = slices.DeleteFunc(w.lanes, func(l *testLane) bool { return l.way == lost })
	}
}

// flow lets arrive what is under way and not held, and what follows from it, until nothing
// is left. Each lane keeps its order; which one comes next is chance.
func (w *network) flow() {
	for synctest.Wait(); ; synctest.Wait() {
		l, frame := w.next()
		if l == nil {
			return
		}
		w.src.Write(frame)
		m, err := w.reader.Read()
		if err != nil {
			w.t.Fatalf("%x: %v", frame, err)
		}
		w.nodes[l.way.to].receive(node(l.way.from), m)
	}
}

// next takes the next frame that arrives.
func (w *network) next() (*testLane, []byte) {
	w.mu.Lock()
	defer w.mu.Unlock()
	var ready []*testLane
	for _, l := range w.lanes {
		if len(l.frames) > 0 && !w.held[l.lane] {
			ready = append(ready, l)
		}
	}
	if len(ready) == 0 {
		return nil, nil
	}
	slices.SortFunc(ready, func(a, b *testLane) int { // the order of first use may be chance
		return cmp.Or(cmp.Compare(a.way.from, b.way.from), cmp.Compare(a.way.to, b.way.to), cmp.Compare(a.number, b.number))
	})
	l := ready[w.random.IntN(len(ready))]
	frame := l.frames[0]
	l.frames = l.frames[1:]
	return l, frame
}

// underWay returns how many frames there are from one node to another.
func (w *network) underWay(from, to int) (n int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, l := range w.lanes {
		if l.way == (way{from, to}) {
			n += len(l.frames)
		}
	}
	return n
}

// stats returns the counts of all nodes.
func (w *network) stats() (sum Stats) {
	for _, h := range w.nodes {
		s := h.Stats()
		sum.SendsFailed += s.SendsFailed
		sum.CopiesDropped += s.CopiesDropped
		sum.CopiesLate += s.CopiesLate
	}
	return sum
}

// wantStats holds the counts of all nodes against what they should be.
func (w *network) wantStats(want Stats) {
	w.t.Helper()
	if got := w.stats(); got != want {
		w.t.Errorf("counted %+v, want %+v", got, want)
	}
}

// testNode is a node: a Multicast with a fake host.
type testNode struct {
	*Multicast
	network *network
	number  int

	mu  sync.Mutex
	got []string // what was delivered
}

// Want does nothing: there is a link to each node that none was cut to.
func (h *testNode) Want(transport.PeerID) {}

func (h *testNode) Await(_ context.Context, id transport.PeerID) (Link, bool) { return h.Link(id) }

func (h *testNode) Reachable(id transport.PeerID) bool {
	h.network.mu.Lock()
	defer h.network.mu.Unlock()
	return !h.network.cut[way{h.number, number(id)}]
}

func (h *testNode) Link(id transport.PeerID) (Link, bool) {
	w := h.network
	w.mu.Lock()
	defer w.mu.Unlock()
	to := way{h.number, number(id)}
	if w.cut[to] {
		return nil, false
	}
	l := w.links[to]
	if l == nil {
		l = newTestLink(w, to)
		w.links[to] = l
	}
	return l, true
}

func (h *testNode) Deliver(_ wire.Kind, _, message []byte) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.got = append(h.got, string(message))
}

// receive handles a message as the lanes of a link would have it handled.
func (h *testNode) receive(from transport.PeerID, m wire.Message) {
	switch m := m.(type) {
	case *wire.Event:
		h.Deliver(wire.KindEvent, m.Topic, m.Event)
	case *wire.Broadcast:
		h.Deliver(wire.KindBroadcast, m.Cluster, m.Message)
	case *wire.Forward:
		h.Forward(from, m)
	case *wire.Forwarded:
		h.Forwarded(m)
	case *wire.MarkerPassed:
		h.MarkerPassed(from, m)
	default:
		h.network.t.Errorf("node %d got a %T", h.number, m)
	}
}

// wantGot holds what a node was given against what it should have been.
func (h *testNode) wantGot(want ...string) {
	h.network.t.Helper()
	h.mu.Lock()
	defer h.mu.Unlock()
	if !slices.Equal(h.got, want) {
		h.network.t.Errorf("node %d got %v, want %v", h.number, h.got, want)
	}
}

// testLink is a link as one of its two nodes sees it.
type testLink struct {
	ctx    context.Context
	cancel context.CancelFunc
	lanes  [testLanes + 1]*testLane
}

func newTestLink(w *network, to way) *testLink {
	l := new(testLink)
	l.ctx, l.cancel = context.WithCancel(w.t.Context())
	for i := range l.lanes {
		l.lanes[i] = &testLane{lane: lane{to, i}, network: w, ctx: l.ctx, turn: make(chan struct{}, 1)}
		w.lanes = append(w.lanes, l.lanes[i])
	}
	return l
}

func (l *testLink) Lane(sender uint64) Lane  { return l.lanes[sender%testLanes] }
func (l *testLink) ForwardLane() Lane        { return l.lanes[testLanes] }
func (l *testLink) Ended() bool              { return l.ctx.Err() != nil }
func (l *testLink) Context() context.Context { return l.ctx }

// testLane is a lane, with what is under way in it.
type testLane struct {
	lane

	network *network
	ctx     context.Context
	turn    chan struct{} // from Begin to Commit; no lock, as a bubble's time passes meanwhile
	frames  [][]byte      // guarded by network.mu
}

var errNoRoom = errors.New("there is no room")

func (l *testLane) Begin(size int, patience time.Duration) ([]byte, error) {
	l.turn <- struct{}{}
	l.network.mu.Lock()
	full := l.network.full[l.way]
	l.network.mu.Unlock()
	if full != nil {
		select {
		case <-full:
		case <-time.After(patience):
			<-l.turn
			return nil, errNoRoom
		}
	}
	return l.begun(size)
}

func (l *testLane) BeginShort(size int) ([]byte, error) {
	l.turn <- struct{}{}
	return l.begun(size)
}

func (l *testLane) begun(size int) ([]byte, error) {
	if err := l.ctx.Err(); err != nil {
		<-l.turn
		return nil, err
	}
	return make([]byte, 0, size), nil
}

func (l *testLane) Commit(b []byte) {
	l.network.mu.Lock()
	l.frames = append(l.frames, b)
	l.network.mu.Unlock()
	<-l.turn
}
