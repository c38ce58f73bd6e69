package directory

import (
	"crypto/hmac"
	"crypto/sha256"
)

// Hasher turns the names of clusters and topics into what nodes call them. Its
// methods are safe for concurrent use. They hash and allocate: what is sent to
// often should remember its [Name].
//
// A Name is the first 128 bits of HMAC-SHA256 over a byte for the kind, 'c' or 't',
// and the name. Whoever does not have the key cannot tell what is served, nor make
// names that collide or that fall to an owner of choice. Members of the network
// have the key, and for them finding two names with the same hash is work of about
// 2^64; a receiver compares the full name in any case.
type Hasher struct {
	key [32]byte
}

// NewHasher returns a hasher. All nodes of a network need the same key, which is to
// be derived from the network's for this purpose alone.
func NewHasher(key [32]byte) *Hasher { return &Hasher{key: key} }

// Cluster returns what a cluster is called.
func (h *Hasher) Cluster(name []byte) Name { return h.sum('c', name) }

// Topic returns what a topic is called.
func (h *Hasher) Topic(name []byte) Name { return h.sum('t', name) }

func (h *Hasher) sum(kind byte, name []byte) (n Name) {
	mac := hmac.New(sha256.New, h.key[:])
	mac.Write([]byte{kind})
	mac.Write(name)
	copy(n[:], mac.Sum(nil))
	return n
}
