package transport

import (
	"encoding/hex"
	"fmt"
)

// A PeerID names a node for as long as it runs: the SHA-256 of its
// certificate's public key. It is a value: comparable, a good map key.
type PeerID [32]byte

// ParsePeerID reads what String wrote: 64 hexadecimal digits.
func ParsePeerID(text string) (PeerID, error) {
	var id PeerID
	if len(text) != hex.EncodedLen(len(id)) {
		return PeerID{}, fmt.Errorf("transport: a peer id has %d hexadecimal digits, not %d", hex.EncodedLen(len(id)), len(text))
	}
	if _, err := hex.Decode(id[:], []byte(text)); err != nil {
		return PeerID{}, fmt.Errorf("transport: parse peer id: %w", err)
	}
	return id, nil
}

// String is the id in full, 64 hexadecimal digits in lower case.
func (id PeerID) String() string { return hex.EncodeToString(id[:]) }

// Short is the id's first 8 digits, for people; two nodes can share it.
func (id PeerID) Short() string { return hex.EncodeToString(id[:4]) }

// IsZero says whether the id is the zero value, which names no node.
func (id PeerID) IsZero() bool { return id == PeerID{} }

// MarshalText makes the id text in JSON and in logs.
func (id PeerID) MarshalText() ([]byte, error) { return []byte(id.String()), nil }

// UnmarshalText is ParsePeerID.
func (id *PeerID) UnmarshalText(text []byte) error {
	parsed, err := ParsePeerID(string(text))
	if err != nil {
		return err
	}
	*id = parsed
	return nil
}
