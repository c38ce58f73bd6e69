package wire

// TunInit asks for a tunnel to one member of a cluster.
//
//	0x09 id:varint cluster:string timeout:varint
type TunInit struct {
	ID      uint64 // chosen by the application
	Cluster []byte
	Timeout uint64 // milliseconds
}

// Op returns OpTunInit.
func (*TunInit) Op() Op { return OpTunInit }

// Size returns the length of the frame in bytes.
func (m *TunInit) Size() int {
	return 1 + sizeVarint(m.ID) + sizeBinary(m.Cluster) + sizeVarint(m.Timeout)
}

// Append adds the frame to b.
func (m *TunInit) Append(b []byte) []byte {
	b = append(b, byte(OpTunInit))
	b = appendVarint(b, m.ID)
	b = appendBinary(b, m.Cluster)
	return appendVarint(b, m.Timeout)
}

func (m *TunInit) consume(c *cursor) {
	m.ID = c.varint()
	m.Cluster = c.name()
	m.Timeout = c.varint()
}

// TunOffer offers a tunnel to a member. It answers with [TunConfirm].
//
//	0x09 build id:varint chunk limit:varint
type TunOffer struct {
	BuildID    uint64 // chosen by the relay
	ChunkLimit uint64 // bytes
}

// Op returns OpTunInit.
func (*TunOffer) Op() Op { return OpTunInit }

// Size returns the length of the frame in bytes.
func (m *TunOffer) Size() int { return 1 + sizeVarint(m.BuildID) + sizeVarint(m.ChunkLimit) }

// Append adds the frame to b.
func (m *TunOffer) Append(b []byte) []byte {
	b = append(b, byte(OpTunInit))
	b = appendVarint(b, m.BuildID)
	return appendVarint(b, m.ChunkLimit)
}

func (m *TunOffer) consume(c *cursor) {
	m.BuildID = c.varint()
	m.ChunkLimit = c.varint()
}
