package wire

// Retire ends a link that nobody uses in good order. Whoever wants that says RetireAsk, after
// it has stopped to send by the link itself. The other one stops too, and says RetireAgree
// when all that it has sent was read; or RetireRefuse if it has use for the link. Both go on
// as before after a refusal, and when no answer comes in a while. It travels on the control
// stream, on links of version 2 and newer.
//
//	0x03 stage:byte
type Retire struct {
	Stage RetireStage
}

// RetireStage is what a [Retire] says.
type RetireStage byte

// Stages. Others are ignored.
const (
	RetireAsk    RetireStage = 0
	RetireAgree  RetireStage = 1
	RetireRefuse RetireStage = 2
)

// Type returns TypeRetire.
func (*Retire) Type() Type { return TypeRetire }

// Size returns the length of the frame in bytes.
func (*Retire) Size() int { return sizeFrame(1) }

// Append adds the frame to b.
func (m *Retire) Append(b []byte) []byte { return append(appendHead(b, TypeRetire, 1), byte(m.Stage)) }

func (m *Retire) consume(c *cursor) { m.Stage = RetireStage(c.byte()) }

// Ping asks the node at the other end of a link whether it lives, while something is waited
// for from it. It is answered at once by a Ping that is an answer. It travels on the control
// stream, on links of version 2 and newer.
//
//	0x04 answer:byte
type Ping struct {
	Answer bool
}

// Type returns TypePing.
func (*Ping) Type() Type { return TypePing }

// Size returns the length of the frame in bytes.
func (*Ping) Size() int { return sizeFrame(1) }

// Append adds the frame to b.
func (m *Ping) Append(b []byte) []byte {
	answer := byte(0)
	if m.Answer {
		answer = 1
	}
	return append(appendHead(b, TypePing, 1), answer)
}

func (m *Ping) consume(c *cursor) { m.Answer = c.byte() != 0 }

// Read says how many bytes of a lane a node has read in all, its own included that it has read
// and not used yet. It travels on the stream of the lane, the other way, each time that it has
// read some tens of kilobytes more, on links of version 3 and newer. The sender may use it to
// have little on its way.
//
//	0x05 bytes:varint
type Read struct {
	Bytes uint64
}

// ReadLimit is the greatest length of a Read in bytes, without its length.
const ReadLimit = 1 + 10

// Type returns TypeRead.
func (*Read) Type() Type { return TypeRead }

// Size returns the length of the frame in bytes.
func (m *Read) Size() int { return sizeFrame(sizeVarint(m.Bytes)) }

// Append adds the frame to b.
func (m *Read) Append(b []byte) []byte {
	return appendVarint(appendHead(b, TypeRead, sizeVarint(m.Bytes)), m.Bytes)
}

func (m *Read) consume(c *cursor) { m.Bytes = c.varint() }
