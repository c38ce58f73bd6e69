package wire

import "bytes"

// Tunnel is the first that is said on the stream of a tunnel: who it is for. The
// receiver answers with one byte, a [Verdict]; after [VerdictTaken] the stream is the
// applications', in both directions.
//
//	0x40 timeout:varint cluster:binary
type Tunnel struct {
	Timeout uint64 // microseconds that are left to take it
	Cluster []byte
}

// Verdict is the answer to a [Tunnel].
type Verdict byte

// The verdicts. A receiver takes one that it does not know for VerdictRefused.
const (
	VerdictTaken    Verdict = 1
	VerdictRefused  Verdict = 2 // there are members, and none takes it
	VerdictNoMember Verdict = 3 // there is no member, or no longer
)

// TunnelLimit is the greatest length of a Tunnel in bytes, without the length itself.
const TunnelLimit = 66 << 10

// Type returns TypeTunnel.
func (*Tunnel) Type() Type { return TypeTunnel }

func (m *Tunnel) fields() int { return sizeVarint(m.Timeout) + sizeBinary(m.Cluster) }

// Size returns the length of the frame in bytes.
func (m *Tunnel) Size() int { return sizeFrame(m.fields()) }

// Append adds the frame to b.
func (m *Tunnel) Append(b []byte) []byte {
	b = appendHead(b, TypeTunnel, m.fields())
	b = appendVarint(b, m.Timeout)
	return appendBinary(b, m.Cluster)
}

func (m *Tunnel) consume(c *cursor) {
	m.Timeout = c.varint()
	m.Cluster = c.binary()
}

// ParseTunnel reads a Tunnel from its frame without the length.
func ParseTunnel(frame []byte) (*Tunnel, error) {
	m, err := parse(frame)
	if err != nil {
		return nil, err
	}
	tunnel, ok := m.(*Tunnel)
	if !ok {
		return nil, &ViolationError{m.Type(), ErrUnexpected}
	}
	return tunnel, nil
}

// parse reads the only message of a frame without the length.
func parse(frame []byte) (Message, error) {
	whole := append(appendVarint(nil, uint64(len(frame))), frame...)
	return NewReader(bytes.NewReader(whole), Limits{Frame: len(frame) + 1}).Read()
}
