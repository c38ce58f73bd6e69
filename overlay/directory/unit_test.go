package directory

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/project-iris/iris/transport"
)

func TestMembers(t *testing.T) {
	var none *Members
	if none.Len() != 0 || none.Without(nodeID(1)) != none {
		t.Error("nil is not empty")
	}
	if none.With(nodeID(1), 1).Len() != 1 {
		t.Error("nil with one is not one")
	}
	m := NewMembers(Member{nodeID(3), 1}, Member{nodeID(2), 1}, Member{nodeID(3), 7}, Member{nodeID(1), 1})
	if epoch, ok := m.Epoch(nodeID(3)); m.Len() != 3 || !ok || epoch != 7 {
		t.Errorf("%v", m.list)
	}
	if !slices.IsSortedFunc(m.list, func(a, b Member) int { return compareNodes(a.ID, b.ID) }) {
		t.Error("not sorted")
	}
	other := m.With(nodeID(4), 1).Without(nodeID(2)).With(nodeID(1), 2)
	up, down := other.difference(m)
	has := func(list []Member, id transport.PeerID) bool {
		return slices.ContainsFunc(list, func(m Member) bool { return m.ID == id })
	}
	if len(up) != 2 || !has(up, nodeID(4)) || !has(up, nodeID(1)) || len(down) != 2 || !has(down, nodeID(2)) || !has(down, nodeID(1)) {
		t.Errorf("up %v, down %v", up, down)
	}
	if m.Len() != 3 {
		t.Error("it has changed")
	}
}

// All nodes have to find the same owners, so what score gives may never change.
func TestScore(t *testing.T) {
	name, node := Name{0: 1, 15: 2}, transport.PeerID{0: 3, 7: 4, 8: 5}
	if got, want := score(name, node), uint64(0x15832f46604639a1); got != want {
		t.Errorf("%#x, want %#x", got, want)
	}
	if score(name, transport.PeerID{0: 3, 7: 4, 8: 6}) != score(name, node) {
		t.Error("more than the first eight bytes of an id count")
	}
}

// Names are owned by all nodes alike, and when a node goes, only its names move.
func TestRank(t *testing.T) {
	var members []Member
	for i := range 50 {
		members = append(members, Member{nodeID(i), 1})
	}
	all := NewMembers(members...)
	less := all.Without(nodeID(7))
	owned := map[transport.PeerID]int{}
	for i := range 10_000 {
		name := hasher.Topic(fmt.Append(nil, i))
		before := ids(all.rank(name, 3, nil))
		for _, id := range before {
			owned[id]++
		}
		after := ids(less.rank(name, 3, nil))
		kept := slices.DeleteFunc(slices.Clone(before), func(id transport.PeerID) bool { return id == nodeID(7) })
		if !slices.Equal(after[:len(kept)], kept) {
			t.Fatalf("%v became %v", before, after)
		}
	}
	for id, n := range owned {
		if n < 500 || n > 700 { // 600 are expected, with a deviation of 24
			t.Errorf("%v owns %d of 10,000 names three times", id, n)
		}
	}
}

func ids(ranked []candidate) []transport.PeerID {
	list := make([]transport.PeerID, len(ranked))
	for i := range ranked {
		list[i] = ranked[i].id
	}
	return list
}

func TestHasher(t *testing.T) {
	h := NewHasher([32]byte{9})
	names := []Name{
		h.Cluster(nil), h.Topic(nil), h.Cluster([]byte("a")), h.Topic([]byte("a")),
		NewHasher([32]byte{8}).Cluster([]byte("a")),
	}
	for i, a := range names {
		for _, b := range names[:i] {
			if a == b {
				t.Errorf("%v twice", a)
			}
		}
	}
	if h.Cluster([]byte("a")) != names[2] {
		t.Error("not the same twice")
	}
}

func TestLookupAllocatesNothing(t *testing.T) {
	d := New(Config{Self: nodeID(0), Epoch: 1})
	d.Step(start, Watch{svc})
	if n := testing.AllocsPerRun(100, func() { d.Lookup(svc) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// Equal events give equal actions, whatever order maps are in.
func TestSameHistoryTwice(t *testing.T) {
	play := func() (sent counts, news int) {
		w := newWorld(t, 5, Config{Everywhere: 4})
		w.delay = func() time.Duration { return time.Duration(w.random.Int64N(int64(50 * time.Millisecond))) }
		w.loss = 0.1
		w.join(20)
		for i, n := range w.nodes {
			for _, name := range manyNames(1, 30) {
				if n.watch(name); i%2 == 0 {
					n.register(name)
				}
			}
			w.run(time.Second)
		}
		w.nodes[3].kill()
		w.run(time.Minute)
		for _, n := range w.nodes {
			news += n.news
		}
		return w.sent(), news
	}
	sent, news := play()
	for range 3 {
		if s, n := play(); s != sent || n != news {
			t.Fatalf("%+v and %d changes, then %+v and %d", sent, news, s, n)
		}
	}
}

func BenchmarkLookup(b *testing.B) {
	d := New(Config{Self: nodeID(0), Epoch: 1})
	for _, name := range manyNames(0, 10_000) {
		d.Step(start, Watch{name})
	}
	name := manyNames(0, 10_000)[5000]
	b.ReportAllocs()
	for b.Loop() {
		d.Lookup(name)
	}
}

func BenchmarkHasher(b *testing.B) {
	name := []byte("a cluster's name")
	b.ReportAllocs()
	for b.Loop() {
		hasher.Cluster(name)
	}
}
