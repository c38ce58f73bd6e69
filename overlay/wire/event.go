package wire

// Event delivers an event to all subscribers of a topic at the receiver.
//
//	0x31 topic:binary event:binary
type Event struct {
	Topic []byte
	Event []byte
}

// Type returns TypeEvent.
func (*Event) Type() Type { return TypeEvent }

func (m *Event) fields() int { return sizeBinary(m.Topic) + sizeBinary(m.Event) }

// Size returns the length of the frame in bytes.
func (m *Event) Size() int { return sizeFrame(m.fields()) }

// Append adds the frame to b.
func (m *Event) Append(b []byte) []byte {
	b = appendHead(b, TypeEvent, m.fields())
	b = appendBinary(b, m.Topic)
	return appendBinary(b, m.Event)
}

func (m *Event) consume(c *cursor) {
	m.Topic = c.binary()
	m.Event = c.binary()
}
