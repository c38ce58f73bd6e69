package wire

// What the two sides say at attach. Version is the only version of the protocol
// that there is; an application that says another one is denied.
const (
	Version     = "v1.0-draft2"
	ClientMagic = "iris-client-magic"
	RelayMagic  = "iris-relay-magic"
)

// Init attaches an application. It is its first frame.
//
//	0x00 magic:string version:string cluster:string
type Init struct {
	Version []byte
	Cluster []byte // the cluster that the application serves; empty: none
}

// Op returns OpInit.
func (*Init) Op() Op { return OpInit }

// Size returns the length of the frame in bytes.
func (m *Init) Size() int {
	return 1 + sizeBinary(ClientMagic) + sizeBinary(m.Version) + sizeBinary(m.Cluster)
}

// Append adds the frame to b.
func (m *Init) Append(b []byte) []byte {
	b = append(b, byte(OpInit))
	b = appendBinary(b, ClientMagic)
	b = appendBinary(b, m.Version)
	return appendBinary(b, m.Cluster)
}

func (m *Init) consume(c *cursor) {
	c.magic(ClientMagic)
	m.Version = c.name()
	m.Cluster = c.name()
}

// Accept tells an application that it is attached. It is the relay's first frame.
//
//	0x00 magic:string version:string
type Accept struct {
	Version []byte
}

// Op returns OpInit.
func (*Accept) Op() Op { return OpInit }

// Size returns the length of the frame in bytes.
func (m *Accept) Size() int {
	return 1 + sizeBinary(RelayMagic) + sizeBinary(m.Version)
}

// Append adds the frame to b.
func (m *Accept) Append(b []byte) []byte {
	b = append(b, byte(OpInit))
	b = appendBinary(b, RelayMagic)
	return appendBinary(b, m.Version)
}

func (m *Accept) consume(c *cursor) {
	c.magic(RelayMagic)
	m.Version = c.name()
}

// Deny refuses an application. The relay closes the connection after it.
//
//	0x01 magic:string reason:string
type Deny struct {
	Reason []byte
}

// Op returns OpDeny.
func (*Deny) Op() Op { return OpDeny }

// Size returns the length of the frame in bytes.
func (m *Deny) Size() int {
	return 1 + sizeBinary(RelayMagic) + sizeBinary(m.Reason)
}

// Append adds the frame to b.
func (m *Deny) Append(b []byte) []byte {
	b = append(b, byte(OpDeny))
	b = appendBinary(b, RelayMagic)
	return appendBinary(b, m.Reason)
}

func (m *Deny) consume(c *cursor) {
	c.magic(RelayMagic)
	m.Reason = c.name()
}
