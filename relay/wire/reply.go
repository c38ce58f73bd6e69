package wire

import "math"

// An application sets an option of its connection by a [Reply] to a request that no relay
// makes: its id is OptionID, it is ok, and its body names the option. A relay that does not
// know the option, or options at all, ignores it, as it does all replies to what it did not ask.
// No binding of 2013-2015 sends that id. See "Options" in the package comment.
const (
	OptionID       = math.MaxUint64
	OptionFailFast = "iris fail fast"
)

// Reply is a member's answer to a [Call].
//
//	0x05 id:varint ok:bool body:binary
type Reply struct {
	ID   uint64 // of the Call
	OK   bool
	Body []byte // the reply if OK, else the text of the fault
}

// Op returns OpReply.
func (*Reply) Op() Op { return OpReply }

// Size returns the length of the frame in bytes.
func (m *Reply) Size() int { return 1 + sizeVarint(m.ID) + 1 + sizeBinary(m.Body) }

// Append adds the frame to b.
func (m *Reply) Append(b []byte) []byte {
	b = append(b, byte(OpReply))
	b = appendVarint(b, m.ID)
	b = appendBool(b, m.OK)
	return appendBinary(b, m.Body)
}

func (m *Reply) consume(c *cursor) {
	m.ID = c.varint()
	m.OK = c.bool()
	m.Body = c.payload()
}

// Result is the answer to a [Request], the only one that it gets.
//
//	0x05 id:varint 1
//	0x05 id:varint 0 ok:bool body:binary
type Result struct {
	ID       uint64 // of the Request
	TimedOut bool   // no answer came in time; the other fields are zero
	OK       bool
	Body     []byte // the reply if OK, else the text of the fault
}

// Op returns OpReply.
func (*Result) Op() Op { return OpReply }

// Size returns the length of the frame in bytes.
func (m *Result) Size() int {
	n := 1 + sizeVarint(m.ID) + 1
	if !m.TimedOut {
		n += 1 + sizeBinary(m.Body)
	}
	return n
}

// Append adds the frame to b.
func (m *Result) Append(b []byte) []byte {
	b = append(b, byte(OpReply))
	b = appendVarint(b, m.ID)
	b = appendBool(b, m.TimedOut)
	if m.TimedOut {
		return b
	}
	b = appendBool(b, m.OK)
	return appendBinary(b, m.Body)
}

func (m *Result) consume(c *cursor) {
	m.ID = c.varint()
	m.TimedOut = c.bool()
	m.OK, m.Body = false, nil
	if m.TimedOut {
		return
	}
	m.OK = c.bool()
	m.Body = c.payload()
}
