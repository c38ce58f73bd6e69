package directory

import (
	"flag"
	"fmt"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/project-iris/iris/transport"
)

var measure = flag.String("measure", "", "sizes of networks that TestMeasure measures, such as 10,1000")

// TestMeasure says what a network costs: docs/directory.md has its results. Each node
// registers two names and watches four, out of half as many as there are nodes; a
// tenth of the nodes, at most a hundred, have to do with one name more. Messages
// take a millisecond, and membership up to half a second.
func TestMeasure(t *testing.T) {
	if *measure == "" {
		t.Skip("without -measure")
	}
	for size := range strings.SplitSeq(*measure, ",") {
		n, err := strconv.Atoi(size)
		if err != nil {
			t.Fatal(err)
		}
		measureNetwork(t, n)
	}
}

func measureNetwork(t *testing.T, n int) {
	begin := time.Now()
	w := newWorld(t, 1, Config{})
	w.join(n)
	w.run(0)
	w.populate()
	up, took := w.cost(n, 10*time.Second)
	t.Logf("%d nodes, all register and watch: agree after %v; %.1f messages, %.0f bytes a node", n, took, up.perNode(n), up.bytesPerNode(n))

	w.run(time.Minute) // everybody has settled
	before := w.sent()
	w.run(10 * time.Minute)
	idle := w.sent().minus(before)
	t.Logf("%d nodes, idle: %.2f messages, %.0f bytes a node and minute", n, idle.perNode(10*n), idle.bytesPerNode(10*n))

	name := hasher.Cluster([]byte("new"))
	for _, nd := range w.nodes[:min(n, 100)] {
		nd.watch(name)
	}
	w.run(time.Second)
	w.nodes[n-1].register(name)
	renewals := w.renewals()
	came, took := w.cost(n, time.Second)
	came.messages -= w.renewals() - renewals
	t.Logf("%d nodes, a member comes that %d watch: agree after %v; %d messages", n, min(n, 100), took, came.messages)

	w.notice = func() time.Duration { return time.Duration(w.random.Int64N(int64(500 * time.Millisecond))) }
	killed := max(1, n/100)
	for i := range killed {
		w.nodes[i*n/killed].dir = nil
	}
	w.shift()
	churn, took := w.cost(n, 30*time.Second)
	t.Logf("%d nodes, %d die at once: agree after %v; %.1f messages, %.0f bytes a node", n, killed, took, churn.perNode(n), churn.bytesPerNode(n))

	for i := range killed {
		w.nodes[i*n/killed].boot()
	}
	w.shift()
	churn, took = w.cost(n, 30*time.Second)
	t.Logf("%d nodes, %d come back: agree after %v; %.1f messages, %.0f bytes a node", n, killed, took, churn.perNode(n), churn.bytesPerNode(n))
	t.Logf("%d nodes: %d bytes of state a node, and %d for the list of members", n, w.state()/n, 40*n)
	t.Logf("%d nodes: simulated in %v", n, time.Since(begin).Round(100*time.Millisecond))
}

// populate gives all nodes names.
func (w *world) populate() {
	names := make([]Name, max(5, len(w.nodes)/2))
	for i := range names {
		names[i] = hasher.Cluster(fmt.Append(nil, "cluster ", i))
	}
	popular := hasher.Topic([]byte("popular"))
	for i, n := range w.nodes {
		for _, j := range w.random.Perm(len(names))[:2] {
			n.register(names[j])
		}
		for _, j := range w.random.Perm(len(names))[:4] {
			n.watch(names[j])
		}
		if i < 100 && i*10 <= len(w.nodes) {
			n.register(popular)
			n.watch(popular)
		}
	}
}

// cost lets time pass until all agree, and returns what was sent meanwhile.
func (w *world) cost(n int, within time.Duration) (counts, time.Duration) {
	w.t.Helper()
	before, begin := w.sent(), w.now
	for !w.agreesAtOnce() {
		if w.now.Sub(begin) > within {
			w.t.Fatalf("%d nodes do not agree after %v", n, within)
		}
		w.run(time.Millisecond)
	}
	took := w.now.Sub(begin)
	w.run(time.Second) // what is still on the way counts as well
	return w.sent().minus(before), took
}

// renewals returns how many digests were sent.
func (w *world) renewals() (n int) {
	for _, node := range w.nodes {
		n += int(node.dir.stats.Digests)
	}
	return n
}

// agreesAtOnce is agrees for large networks.
func (w *world) agreesAtOnce() bool {
	truth := make(map[Name][]transport.PeerID)
	for _, n := range w.nodes {
		for name := range n.registered {
			if n.dir != nil {
				truth[name] = append(truth[name], n.id)
			}
		}
	}
	for _, ids := range truth {
		slices.SortFunc(ids, compareNodes)
	}
	for _, n := range w.nodes {
		for name := range n.watched {
			if n.dir == nil {
				continue
			}
			got, known := n.dir.Lookup(name)
			want := truth[name]
			if n.registered[name] {
				want = slices.DeleteFunc(slices.Clone(want), func(id transport.PeerID) bool { return id == n.id })
			}
			if !known || !slices.Equal(got, want) {
				return false
			}
		}
	}
	return true
}

// state returns how many bytes all directories hold, without the list of members,
// which they share here. It ends them.
func (w *world) state() int {
	heap := func() int {
		var m runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&m)
		return int(m.HeapAlloc)
	}
	with := heap()
	for _, n := range w.nodes {
		n.dir, n.changed = nil, nil
	}
	w.queue = nil // which holds on to them
	return with - heap()
}
