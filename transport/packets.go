package transport

import (
	"context"
	"errors"
	"fmt"
)

// Packets is what a Transport implements besides if it can carry single packets between
// nodes that have no link. It adds nothing to them: a packet is neither encrypted nor
// authenticated by the transport, and anybody can send one, in anybody's name. Whoever
// uses it seals what it sends, and takes what it receives for hostile until it has opened
// it.
//
// All methods may be called by any goroutine at any time. On a closed transport, SendPacket
// and ReceivePacket fail with ErrClosed.
type Packets interface {
	// SendPacket sends a packet, best effort: it arrives whole, once or more often, or is
	// lost, and may overtake others. It waits neither for the network nor for a name to be
	// looked up, keeps no reference to b, and returns nil where it drops the packet, which
	// it counts.
	//
	// The address is one as Dial takes it, of one place: where it has a host, that is a
	// number and no name. The packet leaves from where links to that address are dialled,
	// or from where a packet of that address has come in.
	//
	// It fails with ErrPacket if b is not what CheckPacket asks for, with a *NetworkError
	// if the address cannot be one of a packet or there is nothing to send it from, and
	// with ErrNoPackets where several transports meet and that of the address carries no
	// packets.
	SendPacket(to string, b []byte) error

	// ReceivePacket waits for the next packet, and says where it seems to come from, in the
	// form that SendPacket takes: an answer to it can be sent there. The bytes belong to the
	// caller, and are what CheckPacket asks for.
	//
	// Packets wait in a bounded queue; what does not fit is dropped and counted. Besides
	// ErrClosed it fails with the context's error, and with ErrNoPackets where several
	// transports meet and none of them carries packets.
	ReceivePacket(ctx context.Context) (b []byte, from string, err error)

	// PacketStats is what has been sent, received and dropped so far.
	PacketStats() PacketStats
}

// PacketStats counts packets since the transport was made.
type PacketStats struct {
	Sent     uint64 // taken by SendPacket, and handed to the network
	Received uint64 // returned by ReceivePacket

	SendQueueFull    uint64 // taken by SendPacket and dropped, as what came before still waited
	SendFailed       uint64 // taken by SendPacket and dropped, as the system did not take them
	ReceiveQueueFull uint64 // received and dropped, as nobody had read what came before
	Foreign          uint64 // received and dropped, as they are not what CheckPacket asks for
}

// Limits of packets, the same for all transports.
const (
	// MaxPacket is the most that a packet has, in bytes. It is the least that every path
	// must carry for QUIC (RFC 9000, section 14): 1,248 bytes with the headers of IPv6 and
	// UDP, where IPv6 guarantees 1,280.
	MaxPacket = 1200

	// MinPacketByte and MaxPacketByte bound a packet's first byte. A transport may carry
	// packets where its own go, which it tells by that byte: those of QUIC have one of the
	// two highest bits set (RFC 9443, section 3), and what is below the least is for the
	// use of transports.
	MinPacketByte = 0x20
	MaxPacketByte = 0x3f
)

// Errors of packets.
var (
	// ErrPacket is a packet that CheckPacket does not pass.
	ErrPacket = errors.New("transport: not a packet")

	// ErrNoPackets is an address of a transport that does not carry packets.
	ErrNoPackets = errors.New("transport: does not carry packets")
)

// CheckPacket says whether a packet can be sent: it has a first byte within the bounds, and
// MaxPacket bytes at the most. The error wraps ErrPacket and says what is wrong.
func CheckPacket(b []byte) error {
	switch {
	case len(b) == 0:
		return fmt.Errorf("%w: it is empty", ErrPacket)
	case len(b) > MaxPacket:
		return fmt.Errorf("%w: %d bytes, the limit is %d", ErrPacket, len(b), MaxPacket)
	case b[0] < MinPacketByte || b[0] > MaxPacketByte:
		return fmt.Errorf("%w: the first byte is %#02x, which is not from %#x to %#x", ErrPacket, b[0], MinPacketByte, MaxPacketByte)
	}
	return nil
}
