package wire

// Request asks the receiver to hand a request to one of its members of a cluster. The
// receiver answers with a [Reply] or a [Refusal].
//
//	0x20 id:varint timeout:varint cluster:binary body:binary trace:16 bytes
//
// The trace may be absent. Zeros are as if it were, so that fields may follow.
type Request struct {
	ID      uint64 // chosen by the sender
	Timeout uint64 // microseconds that are left
	Cluster []byte
	Body    []byte
	Trace   []byte // the id of the trace that the sender records the request in; nil: none
}

// sizeTrace is the bytes of a W3C trace id.
const sizeTrace = 16

// Type returns TypeRequest.
func (*Request) Type() Type { return TypeRequest }

func (m *Request) fields() int {
	return sizeVarint(m.ID) + sizeVarint(m.Timeout) + sizeBinary(m.Cluster) + sizeBinary(m.Body) + len(m.Trace)
}

// Size returns the length of the frame in bytes.
func (m *Request) Size() int { return sizeFrame(m.fields()) }

// Append adds the frame to b.
func (m *Request) Append(b []byte) []byte {
	b = appendHead(b, TypeRequest, m.fields())
	b = appendVarint(b, m.ID)
	b = appendVarint(b, m.Timeout)
	b = appendBinary(b, m.Cluster)
	b = appendBinary(b, m.Body)
	return append(b, m.Trace...)
}

func (m *Request) consume(c *cursor) {
	m.ID = c.varint()
	m.Timeout = c.varint()
	m.Cluster = c.binary()
	m.Body = c.binary()
	m.Trace = nil
	if len(c.b) > 0 {
		m.Trace = c.take(sizeTrace)
	}
	if m.Trace != nil && [sizeTrace]byte(m.Trace) == [sizeTrace]byte{} {
		m.Trace = nil
	}
}
