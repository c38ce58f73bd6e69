package directory

import (
	"flag"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/project-iris/iris/overlay/wire"
	"github.com/project-iris/iris/transport"
)

var networkSizes = flag.String("sizes", "100", "sizes of networks that TestWhatANodeHasToDo measures, such as 100,1000,10000")

// linkIdle is after how long a link ends that nothing is said over: that of the overlay.
const linkIdle = 2 * time.Minute

// ledger is what each node of a world has sent and was sent, and who was its partner.
type ledger map[transport.PeerID]*account

// account is what one node has sent and was sent.
type account struct {
	out, in  counts
	partners map[transport.PeerID]struct{}
}

func (l ledger) of(n *node) *account {
	a := l[n.id]
	if a == nil {
		a = &account{partners: make(map[transport.PeerID]struct{})}
		l[n.id] = a
	}
	return a
}

func (l ledger) sends(from, to *node, m wire.Message) (lost bool) {
	bytes := len(m.Append(nil))
	sender, receiver := l.of(from), l.of(to)
	sender.out.messages++
	sender.out.bytes += bytes
	receiver.in.messages++
	receiver.in.bytes += bytes
	sender.partners[to.id], receiver.partners[from.id] = struct{}{}, struct{}{}
	return false
}

func (ledger) stepped(*node, Stats, []Action)    {}
func (ledger) misses(_, _ *node, _ wire.Message) {}

// TestWhatANodeHasToDo says what a directory holds, sends and is sent at rest, and with how
// many other nodes, which is how many links it keeps up: docs/directory.md has its results.
// Either each node registers two names and watches four, out of half as many as there are
// nodes; or all nodes have to do with one more name, which each tenth registers, a
// hundred at most, and all watch.
func TestWhatANodeHasToDo(t *testing.T) {
	for size := range strings.SplitSeq(*networkSizes, ",") {
		n, err := strconv.Atoi(size)
		if err != nil {
			t.Fatal(err)
		}
		for _, common := range []bool{false, true} {
			t.Run(fmt.Sprintf("%d nodes, common name %v", n, common), func(t *testing.T) { measureDuties(t, n, common) })
		}
	}
}

func measureDuties(t *testing.T, n int, common bool) {
	w := newWorld(t, 1, Config{})
	w.join(n)
	w.run(0)
	w.populateEvenly(common)
	w.run(time.Minute)
	book := make(ledger)
	w.observer = book
	w.run(linkIdle)
	w.observer = nil

	owners, others := w.byOwnership()
	report(t, "all", w.nodes, book)
	report(t, "owners", owners, book)
	report(t, "others", others, book)
	w.measureNewName(t)
	// A node talks to three owners of each of its six names, and is talked to by those whose
	// owner it is, which are as many in sum: neither depends on the size of the network.
	partners := func(nd *node) int { return len(book.of(nd).partners) }
	if got := mean(w.nodes, partners); !common && got > 2*3*6 {
		t.Errorf("a node has to do with %.1f others", got)
	}
}

// populateEvenly gives all nodes names: each name has as many nodes as any other.
func (w *world) populateEvenly(common bool) {
	names := make([]Name, len(w.nodes)/2)
	for i := range names {
		names[i] = hasher.Cluster(fmt.Append(nil, "cluster ", i))
	}
	shared := hasher.Topic([]byte("common"))
	for i, n := range w.nodes {
		picked := w.random.Perm(len(names))[:6]
		for _, j := range picked[:2] {
			n.register(names[j])
		}
		for _, j := range picked[2:] {
			n.watch(names[j])
		}
		if common {
			n.watch(shared)
		}
		if common && i%10 == 0 && i < 1000 {
			n.register(shared)
		}
	}
}

// byOwnership returns the nodes that own a name that somebody has, and the others.
func (w *world) byOwnership() (owners, others []*node) {
	owning := make(map[transport.PeerID]bool)
	for _, n := range w.nodes {
		for _, rec := range n.dir.local {
			for i := range rec.owners {
				owning[rec.owners[i].id] = true
			}
		}
	}
	for _, n := range w.nodes {
		if owning[n.id] {
			owners = append(owners, n)
		} else {
			others = append(others, n)
		}
	}
	return owners, others
}

// report prints what some nodes hold, and what they have said in linkIdle.
func report(t *testing.T, who string, nodes []*node, book ledger) {
	if len(nodes) == 0 {
		return
	}
	minute := func(n int) int { return n / int(linkIdle/time.Minute) }
	t.Logf("%d %s, mean and most", len(nodes), who)
	for _, row := range []struct {
		what string
		of   func(*node) int
	}{
		{"entries held", func(n *node) int { return n.dir.Stats().Entries }},
		{"partners", func(n *node) int { return len(book.of(n).partners) }},
		{"messages sent a minute", func(n *node) int { return minute(book.of(n).out.messages) }},
		{"bytes sent a minute", func(n *node) int { return minute(book.of(n).out.bytes) }},
		{"messages received a minute", func(n *node) int { return minute(book.of(n).in.messages) }},
		{"bytes received a minute", func(n *node) int { return minute(book.of(n).in.bytes) }},
	} {
		t.Logf("  %-26s %8.1f %6d", row.what, mean(nodes, row.of), most(nodes, row.of))
	}
}

func mean(nodes []*node, of func(*node) int) float64 {
	sum := 0
	for _, n := range nodes {
		sum += of(n)
	}
	return float64(sum) / float64(len(nodes))
}

func most(nodes []*node, of func(*node) int) int {
	return of(slices.MaxFunc(nodes, func(a, b *node) int { return of(a) - of(b) }))
}

// measureNewName prints what is said when a node registers a new name, and when another one
// watches it.
func (w *world) measureNewName(t *testing.T) {
	name := hasher.Cluster([]byte("new"))
	said := func(do func()) (updates, peers int) {
		count := func() (updates, peers int) {
			for _, n := range w.nodes {
				s := n.dir.Stats()
				updates, peers = updates+int(s.Updates), peers+s.Peers
			}
			return updates, peers
		}
		updatesBefore, peersBefore := count()
		do()
		w.run(time.Second)
		updates, peers = count()
		return updates - updatesBefore, peers - peersBefore
	}
	updates, peers := said(func() { w.nodes[1].register(name) })
	t.Logf("a node registers a new name: %d updates, each acknowledged; %d pairs of nodes more", updates, peers/2)
	updates, peers = said(func() { w.nodes[2].watch(name) })
	t.Logf("another watches it: %d updates, each acknowledged; %d pairs of nodes more", updates, peers/2)
}
