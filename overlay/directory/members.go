package directory

import (
	"bytes"
	"cmp"
	"iter"
	"slices"

	"github.com/project-iris/iris/transport"
)

// Member is a node of the network.
type Member struct {
	ID transport.PeerID
	// Epoch grows with each start of the node. A node that stays the same process
	// keeps it, also when it was taken for dead meanwhile.
	Epoch uint64
}

// Members is who is in the network, as membership knows it. It never changes, so
// whoever needs it can share it; With and Without return another. A nil Members is
// empty.
type Members struct {
	list []Member // by id
}

// NewMembers returns the members. Of two with the same id the greater epoch counts.
func NewMembers(members ...Member) *Members {
	list := slices.Clone(members)
	slices.SortFunc(list, func(a, b Member) int {
		return cmp.Or(compareNodes(a.ID, b.ID), cmp.Compare(b.Epoch, a.Epoch))
	})
	list = slices.CompactFunc(list, func(a, b Member) bool { return a.ID == b.ID })
	return &Members{list: list}
}

// With returns the members with one more, or with another epoch of one. It costs a
// copy of the list.
func (m *Members) With(id transport.PeerID, epoch uint64) *Members {
	i, found := m.find(id)
	if !found {
		return &Members{list: slices.Concat(m.all()[:i], []Member{{id, epoch}}, m.all()[i:])}
	}
	list := slices.Clone(m.list)
	list[i].Epoch = epoch
	return &Members{list: list}
}

// Without returns the members without one. It costs a copy of the list.
func (m *Members) Without(id transport.PeerID) *Members {
	i, found := m.find(id)
	if !found {
		return m
	}
	return &Members{list: slices.Concat(m.list[:i], m.list[i+1:])}
}

// Len returns how many members there are.
func (m *Members) Len() int { return len(m.all()) }

// All returns the members by their ids.
func (m *Members) All() iter.Seq[Member] { return slices.Values(m.all()) }

// Epoch returns the epoch of a member, and whether it is one.
func (m *Members) Epoch(id transport.PeerID) (epoch uint64, ok bool) {
	i, found := m.find(id)
	if !found {
		return 0, false
	}
	return m.list[i].Epoch, true
}

func (m *Members) all() []Member {
	if m == nil {
		return nil
	}
	return m.list
}

func (m *Members) find(id transport.PeerID) (int, bool) {
	return slices.BinarySearchFunc(m.all(), id, func(member Member, id transport.PeerID) int {
		return compareNodes(member.ID, id)
	})
}

// difference returns who is in m and not in before, and the other way round, by
// their ids. One with another epoch is both.
func (m *Members) difference(before *Members) (up, down []Member) {
	a, b := before.all(), m.all()
	for len(a) > 0 || len(b) > 0 {
		switch order := compareHeads(a, b); {
		case order < 0:
			down, a = append(down, a[0]), a[1:]
		case order > 0:
			up, b = append(up, b[0]), b[1:]
		default:
			if a[0].Epoch != b[0].Epoch {
				up, down = append(up, b[0]), append(down, a[0])
			}
			a, b = a[1:], b[1:]
		}
	}
	return up, down
}

// compareHeads compares the first of two lists. One that is empty comes last.
func compareHeads(a, b []Member) int {
	switch {
	case len(a) == 0:
		return 1
	case len(b) == 0:
		return -1
	}
	return compareNodes(a[0].ID, b[0].ID)
}

func compareNodes(a, b transport.PeerID) int { return bytes.Compare(a[:], b[:]) }

func compareNames(a, b Name) int { return bytes.Compare(a[:], b[:]) }
