package wire

// Broadcast sends a message to every member of a cluster.
//
//	0x03 cluster:string message:binary
type Broadcast struct {
	Cluster []byte
	Message []byte
}

// Op returns OpBroadcast.
func (*Broadcast) Op() Op { return OpBroadcast }

// Size returns the length of the frame in bytes.
func (m *Broadcast) Size() int {
	return 1 + sizeBinary(m.Cluster) + sizeBinary(m.Message)
}

// Append adds the frame to b.
func (m *Broadcast) Append(b []byte) []byte {
	b = append(b, byte(OpBroadcast))
	b = appendBinary(b, m.Cluster)
	return appendBinary(b, m.Message)
}

func (m *Broadcast) consume(c *cursor) {
	m.Cluster = c.name()
	m.Message = c.payload()
}

// Delivery is a broadcast that reaches a member.
//
//	0x03 message:binary
type Delivery struct {
	Message []byte
}

// Op returns OpBroadcast.
func (*Delivery) Op() Op { return OpBroadcast }

// Size returns the length of the frame in bytes.
func (m *Delivery) Size() int { return 1 + sizeBinary(m.Message) }

// Append adds the frame to b.
func (m *Delivery) Append(b []byte) []byte {
	b = append(b, byte(OpBroadcast))
	return appendBinary(b, m.Message)
}

func (m *Delivery) consume(c *cursor) {
	m.Message = c.payload()
}
