package wire

// Close asks the relay to detach the application.
//
//	0x02
type Close struct{}

// Op returns OpClose.
func (*Close) Op() Op { return OpClose }

// Size returns the length of the frame in bytes.
func (*Close) Size() int { return 1 }

// Append adds the frame to b.
func (*Close) Append(b []byte) []byte { return append(b, byte(OpClose)) }

func (*Close) consume(*cursor) {}

// Closed tells an application that it is detached, and is the relay's last frame.
//
//	0x02 reason:string
type Closed struct {
	Reason []byte // empty: as the application asked
}

// Op returns OpClose.
func (*Closed) Op() Op { return OpClose }

// Size returns the length of the frame in bytes.
func (m *Closed) Size() int { return 1 + sizeBinary(m.Reason) }

// Append adds the frame to b.
func (m *Closed) Append(b []byte) []byte {
	b = append(b, byte(OpClose))
	return appendBinary(b, m.Reason)
}

func (m *Closed) consume(c *cursor) {
	m.Reason = c.name()
}
