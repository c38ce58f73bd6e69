package wire

// Request asks the receiver to hand a request to one of its members of a cluster. The
// receiver answers with a [Reply] or a [Refusal].
//
//	0x20 id:varint timeout:varint cluster:binary body:binary
type Request struct {
	ID      uint64 // chosen by the sender
	Timeout uint64 // microseconds that are left
	Cluster []byte
	Body    []byte
}

// Type returns TypeRequest.
func (*Request) Type() Type { return TypeRequest }

func (m *Request) fields() int {
	return sizeVarint(m.ID) + sizeVarint(m.Timeout) + sizeBinary(m.Cluster) + sizeBinary(m.Body)
}

// Size returns the length of the frame in bytes.
func (m *Request) Size() int { return sizeFrame(m.fields()) }

// Append adds the frame to b.
func (m *Request) Append(b []byte) []byte {
	b = appendHead(b, TypeRequest, m.fields())
	b = appendVarint(b, m.ID)
	b = appendVarint(b, m.Timeout)
	b = appendBinary(b, m.Cluster)
	return appendBinary(b, m.Body)
}

func (m *Request) consume(c *cursor) {
	m.ID = c.varint()
	m.Timeout = c.varint()
	m.Cluster = c.binary()
	m.Body = c.binary()
}
