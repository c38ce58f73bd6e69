package wire

// TunClose closes a tunnel. Its answer is a [TunClosed].
//
//	0x0d id:varint
type TunClose struct {
	ID uint64
}

// Op returns OpTunClose.
func (*TunClose) Op() Op { return OpTunClose }

// Size returns the length of the frame in bytes.
func (m *TunClose) Size() int { return 1 + sizeVarint(m.ID) }

// Append adds the frame to b.
func (m *TunClose) Append(b []byte) []byte {
	b = append(b, byte(OpTunClose))
	return appendVarint(b, m.ID)
}

func (m *TunClose) consume(c *cursor) {
	m.ID = c.varint()
}

// TunClosed is the last that an application hears of a tunnel: the answer to its
// [TunClose], or the notice that the tunnel was closed from elsewhere.
//
//	0x0d id:varint reason:string
type TunClosed struct {
	ID     uint64
	Reason []byte // empty: a clean close
}

// Op returns OpTunClose.
func (*TunClosed) Op() Op { return OpTunClose }

// Size returns the length of the frame in bytes.
func (m *TunClosed) Size() int { return 1 + sizeVarint(m.ID) + sizeBinary(m.Reason) }

// Append adds the frame to b.
func (m *TunClosed) Append(b []byte) []byte {
	b = append(b, byte(OpTunClose))
	b = appendVarint(b, m.ID)
	return appendBinary(b, m.Reason)
}

func (m *TunClosed) consume(c *cursor) {
	m.ID = c.varint()
	m.Reason = c.name()
}
