package wire

// Kind says what a [Spread] and its copies carry.
type Kind byte

// The kinds. A receiver ignores what it does not know, after passing it on.
const (
	KindEvent     Kind = 0 // the name is a topic
	KindBroadcast Kind = 1 // the name is a cluster
	// KindFence has neither name nor message, and a token for its order: each of the
	// nodes that get a copy answers the origin with a [Passed].
	KindFence Kind = 2
)

// SpreadLimit is how many nodes a [Spread] may name at most.
const SpreadLimit = 1024

// Spread delivers a message at the receiver, who passes it on to others with a [Copy] to
// each. The order grows from one message of a sender to the next with the same name.
//
//	0x32 kind:byte sender:varint order:varint name:binary nodes:node list message:binary
type Spread struct {
	Kind    Kind
	Sender  uint64 // among the applications of the node that sends
	Order   uint64
	Name    []byte
	Nodes   []NodeID // who get a copy, at most SpreadLimit
	Message []byte
}

// Type returns TypeSpread.
func (*Spread) Type() Type { return TypeSpread }

func (m *Spread) fields() int {
	return 1 + sizeVarint(m.Sender) + sizeVarint(m.Order) + sizeBinary(m.Name) + sizeNodes(m.Nodes) + sizeBinary(m.Message)
}

// Size returns the length of the frame in bytes.
func (m *Spread) Size() int { return sizeFrame(m.fields()) }

// Append adds the frame to b.
func (m *Spread) Append(b []byte) []byte {
	b = appendHead(b, TypeSpread, m.fields())
	b = append(b, byte(m.Kind))
	b = appendVarint(b, m.Sender)
	b = appendVarint(b, m.Order)
	b = appendBinary(b, m.Name)
	b = appendNodes(b, m.Nodes)
	return appendBinary(b, m.Message)
}

func (m *Spread) consume(c *cursor) {
	m.Kind = Kind(c.byte())
	m.Sender = c.varint()
	m.Order = c.varint()
	m.Name = c.binary()
	m.Nodes = c.nodes(m.Nodes, SpreadLimit)
	m.Message = c.binary()
}

// Copy passes a message of another node on.
//
//	0x33 kind:byte origin:node sender:varint order:varint name:binary message:binary
type Copy struct {
	Kind    Kind
	Origin  NodeID // who sent the Spread
	Sender  uint64 // the rest is as in the Spread
	Order   uint64
	Name    []byte
	Message []byte
}

// Type returns TypeCopy.
func (*Copy) Type() Type { return TypeCopy }

func (m *Copy) fields() int {
	return 1 + sizeNodeID + sizeVarint(m.Sender) + sizeVarint(m.Order) + sizeBinary(m.Name) + sizeBinary(m.Message)
}

// Size returns the length of the frame in bytes.
func (m *Copy) Size() int { return sizeFrame(m.fields()) }

// Append adds the frame to b.
func (m *Copy) Append(b []byte) []byte {
	b = appendHead(b, TypeCopy, m.fields())
	b = append(b, byte(m.Kind))
	b = append(b, m.Origin[:]...)
	b = appendVarint(b, m.Sender)
	b = appendVarint(b, m.Order)
	b = appendBinary(b, m.Name)
	return appendBinary(b, m.Message)
}

func (m *Copy) consume(c *cursor) {
	m.Kind = Kind(c.byte())
	m.Origin = c.node()
	m.Sender = c.varint()
	m.Order = c.varint()
	m.Name = c.binary()
	m.Message = c.binary()
}

// Passed says that a fence has arrived, and with it all that took the same way before.
//
//	0x34 token:varint
type Passed struct {
	Token uint64 // of the fence
}

// Type returns TypePassed.
func (*Passed) Type() Type { return TypePassed }

func (m *Passed) fields() int { return sizeVarint(m.Token) }

// Size returns the length of the frame in bytes.
func (m *Passed) Size() int { return sizeFrame(m.fields()) }

// Append adds the frame to b.
func (m *Passed) Append(b []byte) []byte {
	return appendVarint(appendHead(b, TypePassed, m.fields()), m.Token)
}

func (m *Passed) consume(c *cursor) { m.Token = c.varint() }
