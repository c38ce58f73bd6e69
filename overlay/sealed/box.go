package sealed

import (
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"

	"golang.org/x/crypto/chacha20poly1305"

	"github.com/project-iris/iris/transport"
)

// The format, as the package comment has it.
const (
	version = transport.MinPacketByte | 1
	keyInfo = "iris sealed packet 0x21"

	idSize    = len(transport.PeerID{})
	nonceSize = chacha20poly1305.NonceSizeX
	openSize  = 1 + nonceSize      // what is not sealed
	headSize  = idSize + 8 + 8     // what is sealed before the payload
	dataSize  = 1 + idSize         // the additional data
	sealSize  = headSize + tagSize // what is sealed of an empty payload
	tagSize   = chacha20poly1305.Overhead
)

const (
	// Overhead is what a packet has besides its payload, in bytes.
	Overhead = openSize + sealSize

	// MaxPayload is the most that a packet carries, in bytes.
	MaxPayload = transport.MaxPacket - Overhead

	// MaxSecrets bounds how many secrets a Box opens with, and so what a forged packet costs.
	// A rotation needs two.
	MaxSecrets = 4

	// DefaultMaxSenders is for networks that are not large, at about 300 bytes a sender.
	DefaultMaxSenders = 4096
)

// What is wrong with a packet that Open refuses. An outsider can cause all of them.
var (
	ErrLength   = errors.New("sealed: a packet of the wrong length")
	ErrVersion  = errors.New("sealed: a packet of an unknown version")
	ErrSeal     = errors.New("sealed: not sealed by this network for this node, or altered")
	ErrReplayed = errors.New("sealed: the packet has come before")
	ErrTooOld   = errors.New("sealed: the packet is older than the window of those that are remembered")
	ErrOldEpoch = errors.New("sealed: the packet is of an earlier start of its sender")
)

// Errors of use.
var (
	// ErrConfig is a Config, or are secrets, of which no Box can be made.
	ErrConfig = errors.New("sealed: bad configuration")

	// ErrPayload is a payload of more than MaxPayload bytes.
	ErrPayload = errors.New("sealed: the payload is too long")
)

// Config is what a Box is made of.
type Config struct {
	// Self is this node.
	Self transport.PeerID

	// Epoch is a number that grows with each start of this node, such as the time in
	// nanoseconds since 1970; not 0.
	Epoch uint64

	// Secrets are those of the network, 1 to MaxSecrets. The first one seals, all of them
	// open. They must not be used for anything else.
	Secrets [][32]byte

	// MaxSenders bounds of how many nodes is remembered what they have sent; 0 means
	// DefaultMaxSenders.
	MaxSenders int
}

// A Box seals the packets of a node, and opens those for it. All methods may be called by
// any goroutine at any time.
type Box struct {
	self    transport.PeerID
	epoch   uint64
	data    [dataSize]byte // the additional data of packets for this node
	counter atomic.Uint64  // of the last packet sealed
	keys    atomic.Pointer[[]cipher.AEAD]
	senders senders
	counts  counts
	scratch sync.Pool // of *scratch
}

// scratch is what a call needs besides its arguments. It would be allocated for each.
type scratch struct {
	data  [dataSize]byte
	plain [transport.MaxPacket]byte
}

// New returns a Box. The error wraps ErrConfig.
func New(config Config) (*Box, error) {
	if config.MaxSenders == 0 {
		config.MaxSenders = DefaultMaxSenders
	}
	switch {
	case config.Self.IsZero():
		return nil, fmt.Errorf("%w: no id of this node", ErrConfig)
	case config.Epoch == 0:
		return nil, fmt.Errorf("%w: no epoch", ErrConfig)
	case config.MaxSenders < 0:
		return nil, fmt.Errorf("%w: %d senders", ErrConfig, config.MaxSenders)
	}
	b := &Box{self: config.Self, epoch: config.Epoch, data: additional(config.Self)}
	b.senders.init(config.MaxSenders)
	b.scratch.New = func() any { return new(scratch) }
	if err := b.SetSecrets(config.Secrets); err != nil {
		return nil, err
	}
	return b, nil
}

// SetSecrets replaces the secrets. Calls under way may still use those before. The error
// wraps ErrConfig, and leaves the secrets as they were.
func (b *Box) SetSecrets(secrets [][32]byte) error {
	if len(secrets) == 0 || len(secrets) > MaxSecrets {
		return fmt.Errorf("%w: %d secrets, not 1 to %d", ErrConfig, len(secrets), MaxSecrets)
	}
	keys := make([]cipher.AEAD, 0, len(secrets))
	for _, secret := range secrets {
		key, err := hkdf.Key(sha256.New, secret[:], nil, keyInfo, chacha20poly1305.KeySize)
		if err != nil {
			return fmt.Errorf("sealed: derive a key: %w", err)
		}
		aead, err := chacha20poly1305.NewX(key)
		if err != nil {
			return fmt.Errorf("sealed: use a key: %w", err)
		}
		keys = append(keys, aead)
	}
	b.keys.Store(&keys)
	return nil
}

// additional is the additional data of packets for a node.
func additional(to transport.PeerID) (data [dataSize]byte) {
	data[0] = version
	copy(data[1:], to[:])
	return data
}

// Seal appends to dst a packet that only the node of that id opens, and returns the
// extended slice. It allocates nothing if dst has room for Overhead bytes more than the
// payload, which must not overlap that room. The error is ErrPayload.
func (b *Box) Seal(dst []byte, to transport.PeerID, payload []byte) ([]byte, error) {
	if len(payload) > MaxPayload {
		return dst, ErrPayload
	}
	s := b.scratch.Get().(*scratch)
	defer b.scratch.Put(s)
	s.data = additional(to)
	begin := len(dst)
	dst = append(dst, version)
	dst = append(dst, make([]byte, nonceSize)...)
	_, _ = rand.Read(dst[begin+1:]) // never fails
	dst = b.seal(dst, begin, s.data[:], b.counter.Add(1), payload)
	b.counts.sealed.Add(1)
	return dst, nil
}

// seal appends what is sealed of a packet, which begins with what is not.
func (b *Box) seal(dst []byte, begin int, data []byte, counter uint64, payload []byte) []byte {
	plain := len(dst)
	dst = append(dst, b.self[:]...)
	dst = binary.BigEndian.AppendUint64(dst, b.epoch)
	dst = binary.BigEndian.AppendUint64(dst, counter)
	dst = append(dst, payload...)
	key := (*b.keys.Load())[0]
	return key.Seal(dst[:plain], dst[begin+1:plain], dst[plain:], data)
}

// Open returns who has sent a packet, and what it carries. The payload is a part of packet,
// which is left as it was if Open fails. The errors are ErrLength, ErrVersion, ErrSeal,
// ErrReplayed, ErrTooOld and ErrOldEpoch. It allocates nothing, but for a new sender.
func (b *Box) Open(packet []byte) (from transport.PeerID, payload []byte, err error) {
	from, payload, err = b.open(packet)
	b.counts.note(err)
	return from, payload, err
}

func (b *Box) open(packet []byte) (from transport.PeerID, payload []byte, err error) {
	switch {
	case len(packet) < Overhead || len(packet) > transport.MaxPacket:
		return from, nil, ErrLength
	case packet[0] != version:
		return from, nil, ErrVersion
	}
	s := b.scratch.Get().(*scratch)
	defer b.scratch.Put(s)
	plain, key := b.unseal(s.plain[:0], packet)
	if plain == nil {
		return from, nil, ErrSeal
	}
	sender := transport.PeerID(plain)
	epoch, counter := binary.BigEndian.Uint64(plain[idSize:]), binary.BigEndian.Uint64(plain[idSize+8:])
	if err := b.senders.accept(sender, epoch, counter); err != nil {
		return from, nil, err
	}
	if key > 0 {
		b.counts.otherSecret.Add(1)
	}
	end := openSize + copy(packet[openSize:], plain[headSize:])
	return sender, packet[openSize:end:end], nil
}

// unseal tries the keys in turn. It does not decrypt in place: a key that does not fit
// would leave nothing for the next one.
func (b *Box) unseal(dst, packet []byte) (plain []byte, key int) {
	for key, aead := range *b.keys.Load() {
		plain, err := aead.Open(dst, packet[1:openSize], packet[openSize:], b.data[:])
		if err == nil {
			return plain, key
		}
	}
	return nil, 0
}
