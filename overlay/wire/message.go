package wire

import (
	"fmt"

	"github.com/project-iris/iris/transport"
)

// The versions of the protocol that this package encodes: from OldestVersion to Version.
// The package comment says what makes a new one.
const (
	Version       = 3
	OldestVersion = 1
)

// VersionRead is the version since which nodes say what they have read of lanes.
const VersionRead = 3

// Name stands for a cluster or a topic between nodes.
type Name [16]byte

// Bytes that ids and names take in a frame.
const (
	sizePeerID = len(transport.PeerID{})
	sizeName   = 16
)

// String returns the first eight digits of the name.
func (n Name) String() string { return fmt.Sprintf("%x", n[:4]) }

// Message is one frame. A message that came from a [Reader], and every slice in
// it, is valid until the next call of Read.
type Message interface {
	// Type returns the type of the frame.
	Type() Type
	// Size returns the number of bytes that Append adds.
	Size() int
	// Append adds the encoded frame to b and returns the extended slice.
	Append(b []byte) []byte

	// consume reads the fields behind the type. Errors stick to the cursor.
	consume(c *cursor)
}

// Type is the byte that tells frames apart.
type Type byte

// The types. The package comment says what follows each.
const (
	TypeInfo Type = 0x01
	TypeSeen Type = 0x02

	TypeRetire Type = 0x03
	TypePing   Type = 0x04
	TypeRead   Type = 0x05

	TypeUpdate Type = 0x10
	TypeDigest Type = 0x11
	TypeAck    Type = 0x12

	TypeRequest Type = 0x20
	TypeReply   Type = 0x21
	TypeRefusal Type = 0x22

	TypeBroadcast    Type = 0x30
	TypeEvent        Type = 0x31
	TypeForward      Type = 0x32
	TypeForwarded    Type = 0x33
	TypeMarkerPassed Type = 0x34

	TypeTunnel Type = 0x40
)

// String returns the protocol's name of the type, such as DIRECTORY_ACK.
func (t Type) String() string {
	switch t {
	case TypeInfo:
		return "INFO"
	case TypeSeen:
		return "SEEN"
	case TypeRetire:
		return "RETIRE"
	case TypePing:
		return "PING"
	case TypeRead:
		return "READ"
	case TypeUpdate:
		return "DIRECTORY_UPDATE"
	case TypeDigest:
		return "DIRECTORY_DIGEST"
	case TypeAck:
		return "DIRECTORY_ACK"
	case TypeRequest:
		return "REQUEST"
	case TypeReply:
		return "REPLY"
	case TypeRefusal:
		return "REFUSAL"
	case TypeBroadcast:
		return "BROADCAST"
	case TypeEvent:
		return "EVENT"
	case TypeForward:
		return "FORWARD"
	case TypeForwarded:
		return "FORWARDED"
	case TypeMarkerPassed:
		return "MARKER_PASSED"
	case TypeTunnel:
		return "TUNNEL"
	}
	return fmt.Sprintf("frame type %#02x", byte(t))
}

// directory reports whether a frame of this type is the directory's.
func (t Type) directory() bool { return t&0xf0 == 0x10 }
