package wire

// Status says what a [Reply] is.
type Status byte

// The statuses. A receiver takes one that it does not know for a fault.
const (
	StatusReply Status = 0 // the body is the service's reply
	StatusFault Status = 1 // the body is the text of a fault
)

// Reply is the answer of a member to a [Request].
//
//	0x21 id:varint status:byte load:varint body:binary
type Reply struct {
	ID     uint64 // of the Request
	Status Status
	Load   uint64 // requests and tunnels in the hands of the sender's members of the cluster, for each of them
	Body   []byte
}

// Type returns TypeReply.
func (*Reply) Type() Type { return TypeReply }

func (m *Reply) fields() int {
	return sizeVarint(m.ID) + 1 + sizeVarint(m.Load) + sizeBinary(m.Body)
}

// Size returns the length of the frame in bytes.
func (m *Reply) Size() int { return sizeFrame(m.fields()) }

// Append adds the frame to b.
func (m *Reply) Append(b []byte) []byte {
	b = appendHead(b, TypeReply, m.fields())
	b = appendVarint(b, m.ID)
	b = append(b, byte(m.Status))
	b = appendVarint(b, m.Load)
	return appendBinary(b, m.Body)
}

func (m *Reply) consume(c *cursor) {
	m.ID = c.varint()
	m.Status = Status(c.byte())
	m.Load = c.varint()
	m.Body = c.binary()
}
