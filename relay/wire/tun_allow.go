package wire

// TunAllow lets the other side send more chunk bytes. Allowances add up.
//
//	0x0b id:varint bytes:varint
type TunAllow struct {
	ID    uint64
	Bytes uint64
}

// Op returns OpTunAllow.
func (*TunAllow) Op() Op { return OpTunAllow }

// Size returns the length of the frame in bytes.
func (m *TunAllow) Size() int { return 1 + sizeVarint(m.ID) + sizeVarint(m.Bytes) }

// Append adds the frame to b.
func (m *TunAllow) Append(b []byte) []byte {
	b = append(b, byte(OpTunAllow))
	b = appendVarint(b, m.ID)
	return appendVarint(b, m.Bytes)
}

func (m *TunAllow) consume(c *cursor) {
	m.ID = c.varint()
	m.Bytes = c.varint()
}
