package outbox

import "sync"

// Frames are collected in segments, and a segment is what one write writes. The
// first in an empty outbox is small, so that a connection that stalls with little
// to read holds little; the others are as large as a write is worth, and hold a
// frame with a chunk of 64 KiB, which is what bindings send through tunnels.
const (
	smallSegment = 4 << 10
	largeSegment = 72 << 10
)

var (
	smallPool = sync.Pool{New: func() any { return new([smallSegment]byte) }}
	largePool = sync.Pool{New: func() any { return new([largeSegment]byte) }}
)

// segment is a slice of frames and the pooled array behind it, if it has one.
type segment struct {
	bytes []byte
	small *[smallSegment]byte
	large *[largeSegment]byte
}

func newSegment(size int, first bool) segment {
	switch {
	case size <= smallSegment && first:
		a := smallPool.Get().(*[smallSegment]byte)
		return segment{bytes: a[:0], small: a}
	case size <= largeSegment:
		a := largePool.Get().(*[largeSegment]byte)
		return segment{bytes: a[:0], large: a}
	default:
		return segment{bytes: make([]byte, 0, size)}
	}
}

// recycle gives the array back. The segment must not be used afterwards.
func (s segment) recycle() {
	if s.small != nil {
		smallPool.Put(s.small)
	}
	if s.large != nil {
		largePool.Put(s.large)
	}
}
