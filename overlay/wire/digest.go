package wire

// Digest says how far the stream of [Update] messages from this node to the
// receiver has come, and renews the lease of all that they said.
//
//	0x11 epoch:varint sequence:varint flags:byte
//
// Flags: 1 ask.
type Digest struct {
	Epoch    uint64 // of the sender
	Sequence uint64 // of the last Update that was sent
	Ask      bool   // the receiver has to answer with an Ack in any case
}

const flagAsk = 1

// Type returns TypeDigest.
func (*Digest) Type() Type { return TypeDigest }

func (m *Digest) fields() int { return sizeVarint(m.Epoch) + sizeVarint(m.Sequence) + 1 }

// Size returns the length of the frame in bytes.
func (m *Digest) Size() int { return sizeFrame(m.fields()) }

// Append adds the frame to b.
func (m *Digest) Append(b []byte) []byte {
	b = appendHead(b, TypeDigest, m.fields())
	b = appendVarint(b, m.Epoch)
	b = appendVarint(b, m.Sequence)
	var flags byte
	if m.Ask {
		flags |= flagAsk
	}
	return append(b, flags)
}

func (m *Digest) consume(c *cursor) {
	m.Epoch = c.varint()
	m.Sequence = c.varint()
	m.Ask = c.byte()&flagAsk != 0
}
