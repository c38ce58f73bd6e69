package wire

import "math"

// BuildLeave is a build id that no [TunOffer] has: whoever confirms it is offered no
// tunnel any more.
const BuildLeave = math.MaxUint64

// TunConfirm is a member's answer to a [TunOffer].
//
//	0x0a build id:varint id:varint
//
// With the build id [BuildLeave] it takes the member out of its cluster, and leaves it
// attached, with its tunnels and what else it has in hand. The answer is a [TunClosed] with
// the id, after which nothing comes that was sent to the cluster. The bindings of 2014 never
// send that build id, and a node that does not know it ignores it.
type TunConfirm struct {
	BuildID uint64 // of the TunOffer
	ID      uint64 // chosen by the application, from the same counter as its TunInit ids
}

// Op returns OpTunConfirm.
func (*TunConfirm) Op() Op { return OpTunConfirm }

// Size returns the length of the frame in bytes.
func (m *TunConfirm) Size() int { return 1 + sizeVarint(m.BuildID) + sizeVarint(m.ID) }

// Append adds the frame to b.
func (m *TunConfirm) Append(b []byte) []byte {
	b = append(b, byte(OpTunConfirm))
	b = appendVarint(b, m.BuildID)
	return appendVarint(b, m.ID)
}

func (m *TunConfirm) consume(c *cursor) {
	m.BuildID = c.varint()
	m.ID = c.varint()
}

// TunResult is the answer to a [TunInit], the only one that it gets.
//
//	0x0a id:varint 1
//	0x0a id:varint 0 chunk limit:varint
type TunResult struct {
	ID         uint64 // of the TunInit
	TimedOut   bool   // there is no tunnel, for whatever reason
	ChunkLimit uint64 // bytes
}

// Op returns OpTunConfirm.
func (*TunResult) Op() Op { return OpTunConfirm }

// Size returns the length of the frame in bytes.
func (m *TunResult) Size() int {
	n := 1 + sizeVarint(m.ID) + 1
	if !m.TimedOut {
		n += sizeVarint(m.ChunkLimit)
	}
	return n
}

// Append adds the frame to b.
func (m *TunResult) Append(b []byte) []byte {
	b = append(b, byte(OpTunConfirm))
	b = appendVarint(b, m.ID)
	b = appendBool(b, m.TimedOut)
	if m.TimedOut {
		return b
	}
	return appendVarint(b, m.ChunkLimit)
}

func (m *TunResult) consume(c *cursor) {
	m.ID = c.varint()
	m.TimedOut = c.bool()
	m.ChunkLimit = 0
	if !m.TimedOut {
		m.ChunkLimit = c.varint()
	}
}
