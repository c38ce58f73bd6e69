package wire

import "bytes"

// Info is what a node tells all others about itself.
//
//	0x01 epoch:varint address:binary
type Info struct {
	Epoch   uint64 // grows with each start of the node
	Address []byte // where it accepts links, as its transport understands it
}

// Type returns TypeInfo.
func (*Info) Type() Type { return TypeInfo }

func (m *Info) fields() int {
	return sizeVarint(m.Epoch) + sizeBinary(m.Address)
}

// Size returns the length of the frame in bytes.
func (m *Info) Size() int { return sizeFrame(m.fields()) }

// Append adds the frame to b.
func (m *Info) Append(b []byte) []byte {
	b = appendHead(b, TypeInfo, m.fields())
	b = appendVarint(b, m.Epoch)
	return appendBinary(b, m.Address)
}

func (m *Info) consume(c *cursor) {
	m.Epoch = c.varint()
	m.Address = c.binary()
}

// ParseInfo reads an Info that is alone in b, as membership carries it.
func ParseInfo(b []byte) (*Info, error) {
	m, err := NewReader(bytes.NewReader(b), Limits{Frame: len(b) + 1}).Read()
	if err != nil {
		return nil, err
	}
	info, ok := m.(*Info)
	if !ok {
		return nil, &ViolationError{m.Type(), ErrUnexpected}
	}
	return info, nil
}
