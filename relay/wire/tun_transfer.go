package wire

// TunTransfer carries a chunk of a message through a tunnel.
//
//	0x0c id:varint total:varint chunk:binary
type TunTransfer struct {
	ID    uint64
	Total uint64 // bytes of the whole message on its first chunk, 0 on the others
	Chunk []byte
}

// Op returns OpTunTransfer.
func (*TunTransfer) Op() Op { return OpTunTransfer }

// Size returns the length of the frame in bytes.
func (m *TunTransfer) Size() int {
	return 1 + sizeVarint(m.ID) + sizeVarint(m.Total) + sizeBinary(m.Chunk)
}

// Append adds the frame to b.
func (m *TunTransfer) Append(b []byte) []byte {
	return append(m.AppendHead(b), m.Chunk...)
}

// AppendHead adds what comes before the bytes of the chunk to b.
func (m *TunTransfer) AppendHead(b []byte) []byte {
	b = append(b, byte(OpTunTransfer))
	b = appendVarint(b, m.ID)
	b = appendVarint(b, m.Total)
	return appendVarint(b, uint64(len(m.Chunk)))
}

func (m *TunTransfer) consume(c *cursor) {
	m.ID = c.varint()
	m.Total = c.varint()
	m.Chunk = c.payload()
}
