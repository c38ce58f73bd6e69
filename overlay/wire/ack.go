package wire

// Ack answers an [Update] or a [Digest]. If Seen is greater than Have, the receiver
// of the stream lacks something, and its sender has to start over.
//
// An update is confirmed when its receiver has applied it, and those have that the
// receiver has told of it.
//
//	0x12 epoch:varint have:varint seen:varint unconfirmed:varint
type Ack struct {
	Epoch uint64 // of the sender of the stream, who receives this
	Have  uint64 // sequence of the last Update that was applied, zero for none
	Seen  uint64 // greatest sequence that the receiver has heard of
	// Unconfirmed is the sequence of the first Update that was applied and is not
	// confirmed. Zero: all are that were applied.
	Unconfirmed uint64
}

// Type returns TypeAck.
func (*Ack) Type() Type { return TypeAck }

func (m *Ack) fields() int {
	return sizeVarint(m.Epoch) + sizeVarint(m.Have) + sizeVarint(m.Seen) + sizeVarint(m.Unconfirmed)
}

// Size returns the length of the frame in bytes.
func (m *Ack) Size() int { return sizeFrame(m.fields()) }

// Append adds the frame to b.
func (m *Ack) Append(b []byte) []byte {
	b = appendHead(b, TypeAck, m.fields())
	b = appendVarint(b, m.Epoch)
	b = appendVarint(b, m.Have)
	b = appendVarint(b, m.Seen)
	return appendVarint(b, m.Unconfirmed)
}

func (m *Ack) consume(c *cursor) {
	m.Epoch = c.varint()
	m.Have = c.varint()
	m.Seen = c.varint()
	m.Unconfirmed = c.varint()
}
