package peers

import (
	"maps"
	"slices"

	"github.com/project-iris/iris/transport"
)

// ErrKeyDropped ends a link whose node has proved itself by no network key that is accepted now.
var ErrKeyDropped = &transport.ClosedError{Code: transport.CodeRefused, Reason: "the network key is not accepted any more"}

// Outdated returns the nodes with links that are up and were made by network keys that are not
// accepted any more. No such link is added afterwards.
func (ps *Peers) Outdated() []transport.PeerID {
	ps.mu.Lock()
	defer ps.mu.Unlock()
	nodes := make(map[transport.PeerID]struct{})
	for p := range ps.links {
		if !ps.accepts(p) {
			nodes[p.id] = struct{}{}
		}
	}
	return slices.Collect(maps.Keys(nodes))
}

// outdated returns the links of a node that were made by such keys. The lock is held.
func (ps *Peers) outdated(id transport.PeerID) (links []*Peer) {
	for p := range ps.links {
		if p.id == id && !ps.accepts(p) {
			links = append(links, p)
		}
	}
	return links
}

// accepts reports whether a link was made by a network key that is accepted. A transport without
// keys lets in whom it lets in. The lock is held.
func (ps *Peers) accepts(p *Peer) bool { return p.key == "" || ps.config.Accepts(p.key) }

// Proved notes that a node has proved itself over a link by another network key. That holds for
// all its links that are up: in the handshake of each it has proved that it holds the key which
// makes its id.
func (ps *Peers) Proved(id transport.PeerID, key string) {
	ps.mu.Lock()
	defer ps.mu.Unlock()
	for _, p := range ps.outdated(id) {
		p.key = key
	}
}

// Disown returns the links of a node that were made by network keys that are not accepted any
// more, which the caller is to end, and the key of one of them. Each is counted once.
func (ps *Peers) Disown(id transport.PeerID) (links []*Peer, key string) {
	ps.mu.Lock()
	defer ps.mu.Unlock()
	links = ps.outdated(id)
	for _, p := range links {
		key = p.key
		if !p.disowned {
			p.disowned = true
			ps.disowned.Add(1)
		}
	}
	return links, key
}

// Disowned returns how many links were ended or not taken into use as they were made by network
// keys that are not accepted any more.
func (ps *Peers) Disowned() uint64 { return ps.disowned.Load() }
