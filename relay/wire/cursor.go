package wire

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
)

// errShort says that the frame goes on beyond the bytes at hand.
var errShort = errors.New("short frame")

// cursor reads fields from the start of a frame. The first error sticks, and
// fields read after it are zero, so that a message reads its fields in a row and
// the caller checks once.
type cursor struct {
	b      []byte
	off    int // bytes of b consumed
	limits Limits
	err    error
	need   int // with errShort: bytes that b must have before another try can succeed
}

// short notes that n more bytes are needed at least. The sum may be beyond what an
// int holds where the limits are; nobody will see so many bytes arrive.
func (c *cursor) short(n int) {
	c.err, c.need = errShort, len(c.b)+min(n, math.MaxInt-len(c.b))
}

func (c *cursor) byte() byte {
	if c.err != nil {
		return 0
	}
	if c.off == len(c.b) {
		c.short(1)
		return 0
	}
	v := c.b[c.off]
	c.off++
	return v
}

func (c *cursor) bool() bool {
	v := c.byte()
	if v > 1 {
		c.err = fmt.Errorf("%w: %d", ErrBool, v)
	}
	return v == 1
}

func (c *cursor) varint() uint64 {
	if c.err != nil {
		return 0
	}
	have := c.b[c.off:]
	v, n := binary.Uvarint(have)
	switch {
	case n < 0 || n == 0 && len(have) >= binary.MaxVarintLen64:
		c.err = ErrVarint
		return 0
	case n == 0:
		c.short(1)
		return 0
	}
	c.off += n
	return v
}

// binary reads a length of at most limit and as many bytes. The result aliases
// the cursor's bytes and has no capacity to spare.
func (c *cursor) binary(limit int) []byte {
	n := c.varint()
	if c.err != nil {
		return nil
	}
	if n > uint64(limit) {
		c.err = fmt.Errorf("%w: %d bytes, at most %d are allowed", ErrTooLong, n, limit)
		return nil
	}
	if have := len(c.b) - c.off; int(n) > have {
		c.short(int(n) - have)
		return nil
	}
	end := c.off + int(n)
	v := c.b[c.off:end:end]
	c.off = end
	return v
}

func (c *cursor) name() []byte    { return c.binary(c.limits.Name) }
func (c *cursor) payload() []byte { return c.binary(c.limits.Payload) }

// magic reads a string that has to be want. A length that differs is wrong
// already, so that a stranger is recognised by its first bytes.
func (c *cursor) magic(want string) {
	n := c.varint()
	if c.err != nil {
		return
	}
	if n != uint64(len(want)) {
		c.err = ErrMagic
		return
	}
	have := c.b[c.off:]
	if len(have) > len(want) {
		have = have[:len(want)]
	}
	if string(have) != want[:len(have)] {
		c.err = ErrMagic
		return
	}
	if len(have) < len(want) {
		c.short(1) // not the rest: a stranger may send no more
		return
	}
	c.off += len(want)
}
