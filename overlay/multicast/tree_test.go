package multicast

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"

	"github.com/project-iris/iris/overlay/wire"
	"github.com/project-iris/iris/transport"
)

func node(i int) (id transport.PeerID) {
	binary.BigEndian.PutUint32(id[:], uint32(i)+1)
	return id
}

// number is the inverse of node.
func number(id transport.PeerID) int { return int(binary.BigEndian.Uint32(id[:])) - 1 }

func nodes(from, to int) []transport.PeerID {
	var ids []transport.PeerID
	for i := from; i < to; i++ {
		ids = append(ids, node(i))
	}
	return ids
}

func all(transport.PeerID) bool { return true }

// way returns over whom a node gets messages: itself if directly.
func (t Tree) way(id transport.PeerID) (over transport.PeerID, times int) {
	for _, b := range t {
		if b.Node == id {
			over = id
			times++
		}
		for _, leaf := range b.Leaves {
			if leaf == id {
				over = b.Node
				times++
			}
		}
	}
	return over, times
}

func TestShape(t *testing.T) {
	for _, row := range []struct{ nodes, branches, mostLeaves int }{
		{0, 0, 0},
		{1, 1, 0},
		{32, 32, 0},
		{33, 32, 1},
		{64, 32, 1},
		{65, 32, 2},
		{1000, 32, 31},
		{1024, 32, 31},
		{1025, 33, 31},
		{10_000, 100, 99},
	} {
		tree, cut := Tree(nil).Grow(nodes(0, row.nodes), all)
		most := 0
		for _, b := range tree {
			most = max(most, len(b.Leaves))
		}
		if len(tree) != row.branches || most != row.mostLeaves || len(cut) != 0 {
			t.Errorf("%d nodes: %d branches, at most %d leaves, %d cut; want %+v", row.nodes, len(tree), most, len(cut), row)
		}
	}
}

// One that comes changes nobody's way, and nor does a leaf that goes.
func TestWaysStay(t *testing.T) {
	tree, _ := Tree(nil).Grow(nodes(0, 100), all)
	for _, members := range [][]transport.PeerID{nodes(0, 101), nodes(0, 90)} {
		grown, cut := tree.Grow(members, all)
		if len(cut) != 0 {
			t.Errorf("%d nodes: %d branches were cut", len(members), len(cut))
		}
		for _, id := range nodes(0, 90) {
			before, _ := tree.way(id)
			if after, _ := grown.way(id); after != before {
				t.Errorf("%d nodes: the way to %v leads over %v, was over %v", len(members), id, after, before)
			}
		}
	}
}

// When a branch goes, or its link, its leaves and no others get another way.
func TestLeavesOfABranchThatIsGone(t *testing.T) {
	tree, _ := Tree(nil).Grow(nodes(0, 100), all)
	gone := tree[5]
	for name, grow := range map[string]func() (Tree, []Branch){
		"left": func() (Tree, []Branch) { return tree.Grow(slices.Concat(nodes(0, 5), nodes(6, 100)), all) },
		"no link": func() (Tree, []Branch) {
			return tree.Grow(nodes(0, 100), func(id transport.PeerID) bool { return id != gone.Node })
		},
	} {
		grown, cut := grow()
		if len(cut) != 1 || cut[0].Node != gone.Node || !slices.Equal(cut[0].Leaves, gone.Leaves) {
			t.Errorf("%s: cut %v, want %v", name, cut, gone)
		}
		for _, leaf := range gone.Leaves {
			if over, times := grown.way(leaf); times != 1 || over == gone.Node {
				t.Errorf("%s: %d ways to a leaf, over %v", name, times, over)
			}
		}
	}
}

func TestFewGetItDirectlyAgain(t *testing.T) {
	tree, _ := Tree(nil).Grow(nodes(0, 40), all)
	tree, cut := tree.Grow(nodes(0, 33), all)
	if tree.Leafless() || len(cut) != 0 {
		t.Errorf("33 nodes: leafless %v, %d cut", tree.Leafless(), len(cut))
	}
	tree, cut = tree.Grow(slices.Concat(nodes(0, 20), nodes(21, 33)), all)
	if !tree.Leafless() || len(cut) != 1 || len(cut[0].Leaves) != 1 {
		t.Errorf("32 nodes: leafless %v, %v cut", tree.Leafless(), cut)
	}
}

// A node passes on to no more than a message can name.
func TestABranchTakesNoMoreLeavesThanAMessageNames(t *testing.T) {
	const more = 10
	linked := func(id transport.PeerID) bool { return id == node(0) }
	tree, _ := Tree(nil).Grow(nodes(0, Direct+wire.ForwardLimit+more), linked)
	if most := len(tree[0].Leaves); most != wire.ForwardLimit || len(tree) != Direct+more {
		t.Errorf("%d branches, %d leaves of the only one that is linked; want %d and %d",
			len(tree), most, Direct+more, wire.ForwardLimit)
	}
}

func TestNobodyIsLinked(t *testing.T) {
	tree, _ := Tree(nil).Grow(nodes(0, 50), func(transport.PeerID) bool { return false })
	if len(tree) != 50 || !tree.Leafless() {
		t.Errorf("%d branches, leafless %v; want 50, true", len(tree), tree.Leafless())
	}
}

// Whatever happens, each node is there once, branches with leaves are linked, the way
// changes only for the leaves that are said to be cut, and the old tree is as it was.
func TestRandomHistories(t *testing.T) {
	for seed := range uint64(50) {
		random := rand.New(rand.NewPCG(seed, 0))
		var tree Tree
		for step := range 30 {
			n := random.IntN(120)
			members := nodes(0, 200)
			random.Shuffle(len(members), func(i, j int) { members[i], members[j] = members[j], members[i] })
			members = members[:n]
			up := make(map[transport.PeerID]bool)
			for _, id := range nodes(0, 200) {
				up[id] = random.IntN(10) > 0
			}
			before := tree.clone()
			grown, cut := tree.Grow(members, func(id transport.PeerID) bool { return up[id] })
			if !reflect.DeepEqual(tree, before) {
				t.Fatalf("seed %d, step %d: the old tree was changed", seed, step)
			}
			if err := check(tree, grown, cut, members, up); err != nil {
				t.Fatalf("seed %d, step %d: %v", seed, step, err)
			}
			tree = grown
		}
	}
}

func (t Tree) clone() Tree {
	c := slices.Clone(t)
	for i := range c {
		c[i].Leaves = slices.Clone(c[i].Leaves)
	}
	return c
}

func check(before, after Tree, cut []Branch, members []transport.PeerID, up map[transport.PeerID]bool) error {
	total := 0
	for _, b := range after {
		total += 1 + len(b.Leaves)
		if len(b.Leaves) > 0 && !up[b.Node] {
			return fmt.Errorf("%v has leaves and no link", b.Node)
		}
	}
	if total != len(members) {
		return fmt.Errorf("%d nodes in the tree, want %d", total, len(members))
	}
	for _, id := range members {
		over, times := after.way(id)
		if times != 1 {
			return fmt.Errorf("%d ways to %v", times, id)
		}
		old, existed := before.way(id)
		said := slices.ContainsFunc(cut, func(b Branch) bool { return b.Node == old && slices.Contains(b.Leaves, id) })
		if existed > 0 && (over != old) != said {
			return fmt.Errorf("the way to %v was over %v and is over %v; said to be cut: %v", id, old, over, said)
		}
	}
	return nil
}
