package wire

import (
	"encoding/binary"
	"fmt"

	"github.com/project-iris/iris/transport"
)

// cursor reads the fields of a frame whose bytes are all at hand. The first error
// sticks, and fields read after it are zero, so that a message reads its fields in
// a row and the caller checks once.
type cursor struct {
	b   []byte // what is left of the frame
	err error
}

// take returns the next n bytes, which alias the frame.
func (c *cursor) take(n int) []byte {
	if c.err != nil {
		return nil
	}
	if n > len(c.b) {
		c.err = fmt.Errorf("%w: %d bytes more, %d are left", ErrTruncated, n, len(c.b))
		return nil
	}
	v := c.b[:n:n]
	c.b = c.b[n:]
	return v
}

func (c *cursor) byte() byte {
	if v := c.take(1); v != nil {
		return v[0]
	}
	return 0
}

func (c *cursor) varint() uint64 {
	if c.err != nil {
		return 0
	}
	v, n := binary.Uvarint(c.b)
	switch {
	case n < 0 || n == 0 && len(c.b) >= binary.MaxVarintLen64:
		c.err = ErrVarint
		return 0
	case n == 0:
		c.err = fmt.Errorf("%w: in a varint", ErrTruncated)
		return 0
	}
	c.b = c.b[n:]
	return v
}

// count reads the count of a list whose elements take at least size bytes each, and
// checks that they can be there.
func (c *cursor) count(size int) int {
	n := c.varint()
	if c.err != nil {
		return 0
	}
	if n > uint64(len(c.b)/size) {
		c.err = fmt.Errorf("%w: list of %d in %d bytes", ErrTruncated, n, len(c.b))
		return 0
	}
	return int(n)
}

func (c *cursor) node() (id transport.PeerID) {
	copy(id[:], c.take(sizePeerID))
	return id
}

func (c *cursor) name() (n Name) {
	copy(n[:], c.take(sizeName))
	return n
}

// binary reads a length and as many bytes, which alias the frame.
func (c *cursor) binary() []byte {
	n := c.varint()
	if c.err == nil && n > uint64(len(c.b)) {
		c.err = fmt.Errorf("%w: %d bytes more, %d are left", ErrTruncated, n, len(c.b))
		return nil
	}
	return c.take(int(n))
}

// names reads a list of names into a slice whose memory is used again.
func (c *cursor) names(into []Name) []Name {
	into = into[:0]
	for range c.count(sizeName) {
		into = append(into, c.name())
	}
	return into
}

// nodes reads a list of at most limit nodes into a slice whose memory is used again.
func (c *cursor) nodes(into []transport.PeerID, limit int) []transport.PeerID {
	into = into[:0]
	n := c.count(sizePeerID)
	if n > limit {
		c.err = fmt.Errorf("%w: %d nodes, at most %d are allowed", ErrTooLong, n, limit)
		return into
	}
	for range n {
		into = append(into, c.node())
	}
	return into
}
