package wire

// Reason says why a request was refused.
type Reason byte

// The reasons. A receiver takes one that it does not know for ReasonOverloaded.
const (
	ReasonOverloaded Reason = 1 // there are members, and none takes more
	ReasonNoMember   Reason = 2 // there is no member, or no longer
	ReasonDraining   Reason = 3 // the node is being stopped
)

// Text says what the reason means.
func (r Reason) Text() string {
	switch r {
	case ReasonNoMember:
		return "it has no member"
	case ReasonDraining:
		return "it is being stopped"
	}
	return "its members have no room"
}

// Refusal says that a [Request] was not handed to any member. It brings the request
// back, so that its sender need not keep it to try elsewhere.
//
//	0x22 id:varint reason:byte load:varint cluster:binary body:binary
type Refusal struct {
	ID      uint64 // of the Request
	Reason  Reason
	Load    uint64 // with ReasonOverloaded, the least that one of the members has in hand
	Cluster []byte
	Body    []byte
}

// Type returns TypeRefusal.
func (*Refusal) Type() Type { return TypeRefusal }

func (m *Refusal) fields() int {
	return sizeVarint(m.ID) + 1 + sizeVarint(m.Load) + sizeBinary(m.Cluster) + sizeBinary(m.Body)
}

// Size returns the length of the frame in bytes.
func (m *Refusal) Size() int { return sizeFrame(m.fields()) }

// Append adds the frame to b.
func (m *Refusal) Append(b []byte) []byte {
	b = appendHead(b, TypeRefusal, m.fields())
	b = appendVarint(b, m.ID)
	b = append(b, byte(m.Reason))
	b = appendVarint(b, m.Load)
	b = appendBinary(b, m.Cluster)
	return appendBinary(b, m.Body)
}

func (m *Refusal) consume(c *cursor) {
	m.ID = c.varint()
	m.Reason = Reason(c.byte())
	m.Load = c.varint()
	m.Cluster = c.binary()
	m.Body = c.binary()
}
