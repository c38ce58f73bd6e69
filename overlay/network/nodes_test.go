package network

import (
	"strings"
	"testing"
	"testing/synctest"

	"github.com/project-iris/iris/transport"
)

// How nodes were found: a seed by its address, those that it told of, and at the other end
// those who came by themselves.
func TestNodesSayHowTheyWereFound(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 3)
		found := func(i int) string {
			var how []string
			for _, n := range w.nodes[i].Nodes() {
				if n.Link == "" || !strings.HasPrefix(n.Addr, "mem://") {
					t.Errorf("node %d knows %+v", i, n)
				}
				how = append(how, n.Found)
			}
			return strings.Join(how, " ")
		}
		if got := found(0); got != "itself itself" {
			t.Errorf("the seed has found the others by %s", got)
		}
		for _, i := range []int{1, 2} {
			if got := found(i); !strings.Contains(got, "join") || !strings.Contains(got, "members") && !strings.Contains(got, "itself") {
				t.Errorf("node %d has found the others by %s", i, got)
			}
		}
		for i, o := range w.nodes {
			if o.Others() != 2 || !o.Knows(w.nodes[(i+1)%3].Self()) || o.Knows(o.Self()) {
				t.Errorf("node %d knows %d others", i, o.Others())
			}
		}
	})
}

// What discovery has found is said, and who waits for a change learns of it.
func TestReach(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 1)
		first, other := w.nodes[0], w.start()
		changed := first.Changed()
		first.Expect(other.Self(), "beacon")
		if id, err := other.Reach(t.Context(), "mem://0", transport.PeerID{}, "dns:seed"); err != nil || id != first.Self() {
			t.Fatalf("reached %v, %v", id, err)
		}
		<-changed
		settle()
		for _, row := range []struct {
			node *Network
			want string
		}{{first, "beacon"}, {other, "dns:seed"}} {
			if n := row.node.Nodes(); len(n) != 1 || n[0].Found != row.want {
				t.Errorf("knows %+v, want one found by %s", n, row.want)
			}
		}
		if _, err := other.Reach(t.Context(), "mem://0", first.Self(), "scan"); err != nil {
			t.Fatal(err)
		}
		if n := other.Nodes(); n[0].Found != "dns:seed" {
			t.Errorf("found again by %s, which is no news", n[0].Found)
		}
		if _, err := other.Reach(t.Context(), "mem://9", transport.PeerID{}, "scan"); err == nil {
			t.Error("reached nobody without an error")
		}
	})
}

// A node that has moved is known to be elsewhere, and linked to there.
func TestMove(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 2)
		if err := w.nodes[1].Move("mem://elsewhere"); err != nil {
			t.Fatal(err)
		}
		settle()
		if n := w.nodes[0].Nodes(); len(n) != 1 || n[0].Addr != "mem://elsewhere" {
			t.Errorf("knows %+v", n)
		}
		if err := w.nodes[1].Move(strings.Repeat("x", 1000)); err == nil {
			t.Error("an address that nobody can be told is no error")
		}
	})
}
