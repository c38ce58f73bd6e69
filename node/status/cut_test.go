package status

import "testing"

// All trees together have so many of each kind, and what is left out is counted.
func TestCut(t *testing.T) {
	all := &Network{Nodes: []Node{
		{Names: make([]Name, 10), NamesLeft: 5, Links: make([]Link, 2), Members: make([]Member, 4), Applications: make([]App, 3)},
		{Names: make([]Name, 1)},
	}}
	short := all.Cut(6)
	n := short.Nodes[0]
	if len(n.Names) != 3 || n.NamesLeft != 12 || len(n.Links) != 2 || n.LinksLeft != 0 || len(n.Members) != 3 || n.MembersLeft != 1 || n.ApplicationsLeft != 0 {
		t.Errorf("%d names and %d more, %d links and %d more, %d members and %d more", len(n.Names), n.NamesLeft, len(n.Links), n.LinksLeft, len(n.Members), n.MembersLeft)
	}
	if short.Nodes[1].NamesLeft != 0 || len(all.Nodes[0].Names) != 10 {
		t.Error("more was cut than has to be")
	}
	if n := all.Cut(1).Nodes[0]; len(n.Names) != 1 || n.NamesLeft != 14 {
		t.Errorf("%d names and %d more, want one at least", len(n.Names), n.NamesLeft)
	}
}
