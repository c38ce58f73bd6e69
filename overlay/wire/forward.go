package wire

import "github.com/project-iris/iris/transport"

// Kind says what a [Forward] and its copies carry.
type Kind byte

// The kinds. A receiver ignores what it does not know, after it has forwarded it.
const (
	KindEvent     Kind = 0 // the name is a topic
	KindBroadcast Kind = 1 // the name is a cluster
	// KindMarker has neither name nor message, and a token for its order: each of the
	// nodes that get a copy answers the origin with a [MarkerPassed].
	KindMarker Kind = 2
)

// ForwardLimit is how many nodes a [Forward] may name at most.
const ForwardLimit = 1024

// Forward delivers a message at the receiver, who forwards it to others with a [Forwarded] to
// each. The order grows from one message of a sender to the next with the same name.
//
//	0x32 kind:byte sender:varint order:varint name:binary nodes:node list message:binary
type Forward struct {
	Kind    Kind
	Sender  uint64 // among the applications of the node that sends
	Order   uint64
	Name    []byte
	Nodes   []transport.PeerID // who get a copy, at most ForwardLimit
	Message []byte
}

// Type returns TypeForward.
func (*Forward) Type() Type { return TypeForward }

func (m *Forward) fields() int {
	return 1 + sizeVarint(m.Sender) + sizeVarint(m.Order) + sizeBinary(m.Name) + sizeNodes(m.Nodes) + sizeBinary(m.Message)
}

// Size returns the length of the frame in bytes.
func (m *Forward) Size() int { return sizeFrame(m.fields()) }

// Append adds the frame to b.
func (m *Forward) Append(b []byte) []byte {
	b = appendHead(b, TypeForward, m.fields())
	b = append(b, byte(m.Kind))
	b = appendVarint(b, m.Sender)
	b = appendVarint(b, m.Order)
	b = appendBinary(b, m.Name)
	b = appendNodes(b, m.Nodes)
	return appendBinary(b, m.Message)
}

func (m *Forward) consume(c *cursor) {
	m.Kind = Kind(c.byte())
	m.Sender = c.varint()
	m.Order = c.varint()
	m.Name = c.binary()
	m.Nodes = c.nodes(m.Nodes, ForwardLimit)
	m.Message = c.binary()
}

// Forwarded is a message of another node that was forwarded.
//
//	0x33 kind:byte origin:node sender:varint order:varint name:binary message:binary
type Forwarded struct {
	Kind    Kind
	Origin  transport.PeerID // who sent the Forward
	Sender  uint64           // the rest is as in the Forward
	Order   uint64
	Name    []byte
	Message []byte
}

// Type returns TypeForwarded.
func (*Forwarded) Type() Type { return TypeForwarded }

func (m *Forwarded) fields() int {
	return 1 + sizePeerID + sizeVarint(m.Sender) + sizeVarint(m.Order) + sizeBinary(m.Name) + sizeBinary(m.Message)
}

// Size returns the length of the frame in bytes.
func (m *Forwarded) Size() int { return sizeFrame(m.fields()) }

// Append adds the frame to b.
func (m *Forwarded) Append(b []byte) []byte {
	b = appendHead(b, TypeForwarded, m.fields())
	b = append(b, byte(m.Kind))
	b = append(b, m.Origin[:]...)
	b = appendVarint(b, m.Sender)
	b = appendVarint(b, m.Order)
	b = appendBinary(b, m.Name)
	return appendBinary(b, m.Message)
}

func (m *Forwarded) consume(c *cursor) {
	m.Kind = Kind(c.byte())
	m.Origin = c.node()
	m.Sender = c.varint()
	m.Order = c.varint()
	m.Name = c.binary()
	m.Message = c.binary()
}

// MarkerPassed says that a marker has arrived, and with it all that took the same way before.
//
//	0x34 token:varint
type MarkerPassed struct {
	Token uint64 // of the marker
}

// Type returns TypeMarkerPassed.
func (*MarkerPassed) Type() Type { return TypeMarkerPassed }

func (m *MarkerPassed) fields() int { return sizeVarint(m.Token) }

// Size returns the length of the frame in bytes.
func (m *MarkerPassed) Size() int { return sizeFrame(m.fields()) }

// Append adds the frame to b.
func (m *MarkerPassed) Append(b []byte) []byte {
	return appendVarint(appendHead(b, TypeMarkerPassed, m.fields()), m.Token)
}

func (m *MarkerPassed) consume(c *cursor) { m.Token = c.varint() }
