package status

// Cut returns the tree with so many elements of each list at most, those that come first, and
// counts the others to those that are left out. Lists are shared with the tree.
func (n *Node) Cut(most int) *Node {
	short := *n
	short.Members, short.MembersLeft = shorten(n.Members, n.MembersLeft, most)
	short.Links, short.LinksLeft = shorten(n.Links, n.LinksLeft, most)
	short.Applications, short.ApplicationsLeft = shorten(n.Applications, n.ApplicationsLeft, most)
	short.Names, short.NamesLeft = shorten(n.Names, n.NamesLeft, most)
	return &short
}

func shorten[T any](list []T, left, most int) ([]T, int) {
	if len(list) <= most {
		return list, left
	}
	return list[:most:most], left + len(list) - most
}

// Cut returns the trees so that all together have so many elements of each kind of list at most:
// each tree has an equal part of that, and one element at least.
func (all *Network) Cut(most int) *Network {
	short := *all
	short.Nodes = make([]Node, len(all.Nodes))
	each := max(most/max(len(all.Nodes), 1), 1)
	for i := range all.Nodes {
		short.Nodes[i] = *all.Nodes[i].Cut(each)
	}
	return &short
}
