package multicast

import (
	"math"
	"slices"

	"github.com/project-iris/iris/overlay/wire"
	"github.com/project-iris/iris/transport"
)

// Direct is how many nodes a message is sent to directly, whatever that costs.
const Direct = 32

// Tree is how messages get to nodes: to each branch's node, which forwards them to its
// leaves. Trees are never changed in place.
type Tree []Branch

// Branch is a node that gets messages directly, and those that it forwards them to.
type Branch struct {
	Node   transport.PeerID
	Leaves []transport.PeerID
}

// Leafless reports whether all nodes get messages directly.
func (t Tree) Leafless() bool {
	return !slices.ContainsFunc(t, func(b Branch) bool { return len(b.Leaves) > 0 })
}

// leads reports whether a node forwards messages to others.
func (t Tree) leads(id transport.PeerID) bool {
	return slices.ContainsFunc(t, func(b Branch) bool { return b.Node == id && len(b.Leaves) > 0 })
}

// nodes returns all nodes of the tree.
func (t Tree) nodes() []transport.PeerID {
	var all []transport.PeerID
	for _, b := range t {
		all = append(append(all, b.Node), b.Leaves...)
	}
	return all
}

// Grow returns a tree over other nodes, each of which is given once, and which leaves of
// the old tree are on another branch now, as branches of the old one. Only nodes that can be
// reached get leaves. All others stay on their branch, but for
// those that come to be few: they get messages directly from then on.
func (t Tree) Grow(nodes []transport.PeerID, reachable func(transport.PeerID) bool) (grown Tree, cut []Branch) {
	g := growth{width: width(len(nodes)), reachable: reachable, missing: make(map[transport.PeerID]struct{}, len(nodes))}
	for _, id := range nodes {
		g.missing[id] = struct{}{}
	}
	for _, b := range t {
		leaves := g.members(b.Leaves)
		_, member := g.missing[b.Node]
		keeps := member && len(nodes) > Direct && reachable(b.Node)
		if len(leaves) > 0 && !keeps {
			cut = append(cut, Branch{b.Node, leaves})
			leaves = nil
		}
		if member {
			g.keep(Branch{b.Node, leaves})
		}
	}
	for _, id := range nodes {
		if _, missing := g.missing[id]; missing {
			g.add(id)
		}
	}
	return g.tree, cut
}

// growth is a tree that grows.
type growth struct {
	tree      Tree
	width     int
	reachable func(transport.PeerID) bool
	missing   map[transport.PeerID]struct{}
}

// members returns those of the leaves that stay.
func (g *growth) members(leaves []transport.PeerID) []transport.PeerID {
	var stay []transport.PeerID
	for _, id := range leaves {
		if _, member := g.missing[id]; member {
			stay = append(stay, id)
		}
	}
	return stay
}

func (g *growth) keep(b Branch) {
	g.tree = append(g.tree, b)
	delete(g.missing, b.Node)
	for _, id := range b.Leaves {
		delete(g.missing, id)
	}
}

// add makes a node a branch, or a leaf of that which has the fewest.
func (g *growth) add(id transport.PeerID) {
	best := -1
	if len(g.tree) >= g.width {
		for i, b := range g.tree {
			if (best < 0 || len(b.Leaves) < len(g.tree[best].Leaves)) && g.reachable(b.Node) {
				best = i
			}
		}
	}
	if best < 0 || len(g.tree[best].Leaves) == wire.ForwardLimit {
		g.tree = append(g.tree, Branch{Node: id})
		return
	}
	g.tree[best].Leaves = append(g.tree[best].Leaves, id)
}

// width returns how many nodes get messages directly, of n.
func width(n int) int { return max(Direct, int(math.Ceil(math.Sqrt(float64(n))))) }
