package wire

// Seen tells the node at the other end of a link where it is seen: the IP address that the
// link comes from, or that it was dialled at. It is sent once, on the control stream; another
// one takes its place.
//
//	0x02 host:binary
type Seen struct {
	Host []byte // 4 or 16 bytes; others are ignored
}

// Type returns TypeSeen.
func (*Seen) Type() Type { return TypeSeen }

func (m *Seen) fields() int { return sizeBinary(m.Host) }

// Size returns the length of the frame in bytes.
func (m *Seen) Size() int { return sizeFrame(m.fields()) }

// Append adds the frame to b.
func (m *Seen) Append(b []byte) []byte {
	return appendBinary(appendHead(b, TypeSeen, m.fields()), m.Host)
}

func (m *Seen) consume(c *cursor) { m.Host = c.binary() }
