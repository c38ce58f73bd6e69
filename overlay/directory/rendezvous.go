package directory

import (
	"encoding/binary"
	"slices"

	"github.com/project-iris/iris/transport"
)

// score says how much a node wants a name: the nodes with the highest scores own
// it. All nodes have to come to the same result.
//
// This is rendezvous hashing (Thaler and Ravishankar, "A name-based mapping scheme
// for rendezvous", 1996): when a node comes or goes, only the names that it owns
// change owners. Names and ids are results of cryptographic hashes already, so
// words of them are only mixed: score = mix(low ^ mix(high ^ node)) of the two
// halves of the name and the first eight bytes of the id, all big-endian.
func score(name Name, node transport.PeerID) uint64 {
	high, low := binary.BigEndian.Uint64(name[:8]), binary.BigEndian.Uint64(name[8:])
	return mix(low ^ mix(high^binary.BigEndian.Uint64(node[:8])))
}

// mix is the finalizer of SplitMix64 (Steele, Lea and Flood, 2014), in which every
// bit of the result depends on every bit of x.
func mix(x uint64) uint64 {
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// candidate is a node and its score for some name.
type candidate struct {
	id    transport.PeerID
	score uint64
}

// before reports whether the candidate comes before another.
func (c *candidate) before(other *candidate) bool {
	if c.score != other.score {
		return c.score > other.score
	}
	return compareNodes(c.id, other.id) < 0
}

// rank puts the first n members for a name into the slice, whose memory is used.
func (m *Members) rank(name Name, n int, into []candidate) []candidate {
	into = into[:0]
	for i := range m.all() {
		c := candidate{m.list[i].ID, score(name, m.list[i].ID)}
		at := len(into)
		for at > 0 && c.before(&into[at-1]) {
			at--
		}
		if at == n {
			continue
		}
		if len(into) == n {
			into = into[:n-1]
		}
		into = slices.Insert(into, at, c)
	}
	return into
}
