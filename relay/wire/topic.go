package wire

// Subscribe asks for the events of a topic. It has no answer.
//
//	0x06 topic:string
type Subscribe struct {
	Topic []byte
}

// Op returns OpSubscribe.
func (*Subscribe) Op() Op { return OpSubscribe }

// Size returns the length of the frame in bytes.
func (m *Subscribe) Size() int { return 1 + sizeBinary(m.Topic) }

// Append adds the frame to b.
func (m *Subscribe) Append(b []byte) []byte {
	b = append(b, byte(OpSubscribe))
	return appendBinary(b, m.Topic)
}

func (m *Subscribe) consume(c *cursor) {
	m.Topic = c.name()
}

// Unsubscribe ends a subscription. It has no answer.
//
//	0x07 topic:string
type Unsubscribe struct {
	Topic []byte
}

// Op returns OpUnsubscribe.
func (*Unsubscribe) Op() Op { return OpUnsubscribe }

// Size returns the length of the frame in bytes.
func (m *Unsubscribe) Size() int { return 1 + sizeBinary(m.Topic) }

// Append adds the frame to b.
func (m *Unsubscribe) Append(b []byte) []byte {
	b = append(b, byte(OpUnsubscribe))
	return appendBinary(b, m.Topic)
}

func (m *Unsubscribe) consume(c *cursor) {
	m.Topic = c.name()
}

// Publish carries an event: from the publisher to its relay, and from a relay to
// each of its subscribers.
//
//	0x08 topic:string event:binary
type Publish struct {
	Topic []byte
	Event []byte
}

// Op returns OpPublish.
func (*Publish) Op() Op { return OpPublish }

// Size returns the length of the frame in bytes.
func (m *Publish) Size() int { return 1 + sizeBinary(m.Topic) + sizeBinary(m.Event) }

// Append adds the frame to b.
func (m *Publish) Append(b []byte) []byte {
	b = append(b, byte(OpPublish))
	b = appendBinary(b, m.Topic)
	return appendBinary(b, m.Event)
}

func (m *Publish) consume(c *cursor) {
	m.Topic = c.name()
	m.Event = c.payload()
}
