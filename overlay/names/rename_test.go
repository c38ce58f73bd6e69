package names

import (
	"slices"
	"testing"
	"time"

	"github.com/project-iris/iris/overlay/directory"
	"github.com/project-iris/iris/transport"
)

// While a key is replaced a node registers names under both, looks for them under its own, and
// keeps what it knows until enough is heard under another.
func TestRename(t *testing.T) {
	old, fresh := directory.NewHasher([32]byte{1}), directory.NewHasher([32]byte{2})
	n := New(Config{
		Hasher: old, Topics: 10, TopicBytes: 100,
		Route: func([]transport.PeerID) Route { return nil },
	})
	w := &world{}
	m := &member{node: &node{world: w}}
	if _, err := n.Attach(m, "here"); err != nil {
		t.Fatal(err)
	}
	if err := n.Subscribe(m, "news"); err != nil {
		t.Fatal(err)
	}
	p := n.ToMembers(m, []byte("there"))
	a, b := transport.PeerID{1}, transport.PeerID{2}
	n.Changed(time.Time{}, directory.Changed{Name: old.Cluster([]byte("there")), Nodes: []transport.PeerID{a}, Known: true})
	check := func(step string, registers, watches *directory.Hasher, also ...*directory.Hasher) {
		t.Helper()
		var want, got []Name
		for _, h := range append(also, registers) {
			want = append(want, h.Cluster([]byte("here")), h.Topic([]byte("news")))
		}
		for name := range n.registered {
			got = append(got, name)
		}
		order := func(a, b Name) int { return slices.Compare(a[:], b[:]) }
		slices.SortFunc(want, order)
		slices.SortFunc(got, order)
		if !slices.Equal(got, want) {
			t.Errorf("%s: %d names are registered, not those %d", step, len(got), len(want))
		}
		if n.places[watches.Cluster([]byte("there"))] != p || len(n.places) != 1 {
			t.Errorf("%s: it looks for other names", step)
		}
	}
	check("before", old, old)
	n.Rename(old, []*directory.Hasher{fresh})
	check("both are accepted", old, old, fresh)
	if events := n.Changes(); len(events) == 0 || n.Dirty() {
		t.Error("the directory is not told")
	}
	n.Rename(fresh, []*directory.Hasher{old})
	check("the new one is used", fresh, fresh, old)
	to := fresh.Cluster([]byte("there"))
	n.Changed(time.Time{}, directory.Changed{Name: to}) // an owner that has not heard yet
	if !slices.Equal(p.nodes, []transport.PeerID{a}) || !p.Known() {
		t.Errorf("what was known is forgotten: %v", p.nodes)
	}
	n.Changed(time.Time{}, directory.Changed{Name: old.Cluster([]byte("there"))}) // late
	n.Changed(time.Time{}, directory.Changed{Name: to, Nodes: []transport.PeerID{a, b}, Known: true})
	n.Changed(time.Time{}, directory.Changed{Name: to, Nodes: []transport.PeerID{b}})
	if !slices.Equal(p.nodes, []transport.PeerID{b}) {
		t.Errorf("what is heard under the new name is not used: %v", p.nodes)
	}
	n.Rename(fresh, nil)
	check("the old one is gone", fresh, fresh)
	n.Detach(m)
	if len(n.registered) != 0 {
		t.Errorf("%d names of nobody are registered", len(n.registered))
	}
}
