package beacon

import (
	"crypto/cipher"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"time"

	"golang.org/x/crypto/chacha20poly1305"

	"github.com/project-iris/iris/transport"
)

// PacketSize is the size of every packet, in bytes. With its headers it fits the least
// that IPv6 carries whole (1,280 bytes, RFC 8200, section 5).
const PacketSize = 640

const (
	version   = 1
	nonceSize = chacha20poly1305.NonceSizeX
	plainSize = PacketSize - nonceSize - chacha20poly1305.Overhead
	headSize  = 1 + 1 + 8 + len(transport.PeerID{}) + 4 + 2
	// MaxAddresses is how long the addresses in a beacon can be, in bytes.
	MaxAddresses = plainSize - headSize
)

// Kind says what a beacon is for.
type Kind byte

// The kinds of beacons.
const (
	Announcement Kind = 1
	Probe        Kind = 2
	Answer       Kind = 3
)

// Beacon is what a packet says.
type Beacon struct {
	Kind      Kind
	Time      time.Time // in milliseconds
	ID        transport.PeerID
	Nodes     uint32
	Addresses string
}

// What is wrong with a packet. An outsider can make all of them.
var (
	ErrSize    = errors.New("beacon: wrong size")
	ErrSeal    = errors.New("beacon: not sealed by this network, or altered")
	ErrVersion = errors.New("beacon: unknown version or kind")
	ErrContent = errors.New("beacon: malformed")
)

// Sealer seals and opens packets. It belongs to one goroutine.
type Sealer struct {
	keys  []cipher.AEAD // the first one seals
	plain [plainSize]byte
}

// NewSealer returns one that seals with the first key and opens with all.
func NewSealer(keys ...[32]byte) *Sealer {
	s := &Sealer{}
	for _, key := range keys {
		aead, err := chacha20poly1305.NewX(key[:])
		if err != nil {
			panic("beacon: " + err.Error()) // only for keys of another size
		}
		s.keys = append(s.keys, aead)
	}
	return s
}

// Seal returns the packet of a beacon. Of more than MaxAddresses bytes of addresses it
// leaves the last ones out.
func (s *Sealer) Seal(b Beacon) []byte {
	b.Addresses = fit(b.Addresses)
	plain := append(make([]byte, 0, plainSize), version, byte(b.Kind))
	plain = binary.BigEndian.AppendUint64(plain, uint64(b.Time.UnixMilli()))
	plain = append(plain, b.ID[:]...)
	plain = binary.BigEndian.AppendUint32(plain, b.Nodes)
	plain = binary.BigEndian.AppendUint16(plain, uint16(len(b.Addresses)))
	plain = append(plain, b.Addresses...)
	packet := make([]byte, nonceSize, PacketSize)
	_, _ = rand.Read(packet) // never fails
	return s.keys[0].Seal(packet, packet, plain[:plainSize], nil)
}

// Open returns what a packet says. The errors are ErrSize, ErrSeal, ErrVersion and
// ErrContent. It allocates only for packets of the network.
func (s *Sealer) Open(packet []byte) (Beacon, error) {
	if len(packet) != PacketSize {
		return Beacon{}, ErrSize
	}
	for _, key := range s.keys {
		plain, err := key.Open(s.plain[:0], packet[:nonceSize], packet[nonceSize:], nil)
		if err == nil {
			return parse(plain)
		}
	}
	return Beacon{}, ErrSeal
}

// parse reads what was sealed: plainSize bytes.
func parse(plain []byte) (Beacon, error) {
	b := Beacon{Kind: Kind(plain[1])}
	if plain[0] != version || b.Kind < Announcement || b.Kind > Answer {
		return Beacon{}, ErrVersion
	}
	plain = plain[2:]
	b.Time = time.UnixMilli(int64(binary.BigEndian.Uint64(plain)))
	plain = plain[8:]
	plain = plain[copy(b.ID[:], plain):]
	b.Nodes = binary.BigEndian.Uint32(plain)
	n := int(binary.BigEndian.Uint16(plain[4:]))
	if plain = plain[6:]; n > len(plain) {
		return Beacon{}, ErrContent
	}
	b.Addresses = string(plain[:n])
	return b, nil
}
