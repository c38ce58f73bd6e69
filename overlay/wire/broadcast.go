package wire

// Broadcast delivers a message to all members of a cluster at the receiver.
//
//	0x30 cluster:binary message:binary
type Broadcast struct {
	Cluster []byte
	Message []byte
}

// Type returns TypeBroadcast.
func (*Broadcast) Type() Type { return TypeBroadcast }

func (m *Broadcast) fields() int { return sizeBinary(m.Cluster) + sizeBinary(m.Message) }

// Size returns the length of the frame in bytes.
func (m *Broadcast) Size() int { return sizeFrame(m.fields()) }

// Append adds the frame to b.
func (m *Broadcast) Append(b []byte) []byte {
	b = appendHead(b, TypeBroadcast, m.fields())
	b = appendBinary(b, m.Cluster)
	return appendBinary(b, m.Message)
}

func (m *Broadcast) consume(c *cursor) {
	m.Cluster = c.binary()
	m.Message = c.binary()
}
