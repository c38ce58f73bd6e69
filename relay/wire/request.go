package wire

// Request asks one member of a cluster.
//
//	0x04 id:varint cluster:string body:binary timeout:varint
type Request struct {
	ID      uint64 // chosen by the application, opaque to the relay
	Cluster []byte
	Body    []byte
	Timeout uint64 // milliseconds
}

// Op returns OpRequest.
func (*Request) Op() Op { return OpRequest }

// Size returns the length of the frame in bytes.
func (m *Request) Size() int {
	return 1 + sizeVarint(m.ID) + sizeBinary(m.Cluster) + sizeBinary(m.Body) + sizeVarint(m.Timeout)
}

// Append adds the frame to b.
func (m *Request) Append(b []byte) []byte {
	b = append(b, byte(OpRequest))
	b = appendVarint(b, m.ID)
	b = appendBinary(b, m.Cluster)
	b = appendBinary(b, m.Body)
	return appendVarint(b, m.Timeout)
}

func (m *Request) consume(c *cursor) {
	m.ID = c.varint()
	m.Cluster = c.name()
	m.Body = c.payload()
	m.Timeout = c.varint()
}

// Call is a request that reaches a member.
//
//	0x04 id:varint body:binary timeout:varint
type Call struct {
	ID      uint64 // chosen by the relay; the member's Reply carries it
	Body    []byte
	Timeout uint64 // milliseconds that are left
}

// Op returns OpRequest.
func (*Call) Op() Op { return OpRequest }

// Size returns the length of the frame in bytes.
func (m *Call) Size() int {
	return 1 + sizeVarint(m.ID) + sizeBinary(m.Body) + sizeVarint(m.Timeout)
}

// Append adds the frame to b.
func (m *Call) Append(b []byte) []byte {
	b = append(b, byte(OpRequest))
	b = appendVarint(b, m.ID)
	b = appendBinary(b, m.Body)
	return appendVarint(b, m.Timeout)
}

func (m *Call) consume(c *cursor) {
	m.ID = c.varint()
	m.Body = c.payload()
	m.Timeout = c.varint()
}
