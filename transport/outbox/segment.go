package outbox

import "sync"

// Frames are collected in segments, and a segment is what one write writes. The
// first in an empty outbox is small, so that a connection that stalls with little
// to read holds little; the next ones are as large as a write is worth, and hold a
// frame with a chunk of 64 KiB, which is what bindings send through tunnels. An outbox
// for bulk data uses larger ones behind bulkAfter others, when there is a backlog.
const (
	smallSegment = 4 << 10
	largeSegment = 72 << 10
	bulkSegment  = 264 << 10
	bulkAfter    = 2
)

var (
	smallPool = sync.Pool{New: func() any { return new([smallSegment]byte) }}
	largePool = sync.Pool{New: func() any { return new([largeSegment]byte) }}
	bulkPool  = sync.Pool{New: func() any { return new([bulkSegment]byte) }}
)

// segment is a slice of frames and the pooled array behind it, if it has one.
type segment struct {
	bytes []byte
	small *[smallSegment]byte
	large *[largeSegment]byte
	bulk  *[bulkSegment]byte

	shared *Shared // that the bytes are of; nil: they are the segment's own
	number int     // by which it is released

	charged int64 // bytes of memory that it was taken for
}

// charge returns how many bytes a segment counts, that newSegment returns for the same. The
// small one of an outbox that was empty counts none, so that a quiet connection has nothing to
// do with others.
func charge(size, waiting int, bulk bool) int64 {
	switch {
	case size <= smallSegment && waiting == 0:
		return 0
	case size <= largeSegment && (!bulk || waiting < bulkAfter):
		return largeSegment
	case size <= bulkSegment && bulk:
		return bulkSegment
	}
	return int64(size)
}

// newSegment returns a segment for a frame of a size, behind a number of others.
func newSegment(size, waiting int, large bool) segment {
	switch {
	case size <= smallSegment && waiting == 0:
		a := smallPool.Get().(*[smallSegment]byte)
		return segment{bytes: a[:0], small: a}
	case size <= largeSegment && (!large || waiting < bulkAfter):
		a := largePool.Get().(*[largeSegment]byte)
		return segment{bytes: a[:0], large: a}
	case size <= bulkSegment && large:
		a := bulkPool.Get().(*[bulkSegment]byte)
		return segment{bytes: a[:0], bulk: a}
	default:
		return segment{bytes: make([]byte, 0, size)}
	}
}

// recycle gives the array back. The segment must not be used afterwards.
func (s segment) recycle() {
	if s.shared != nil {
		s.shared.release(s.number)
	}
	if s.small != nil {
		smallPool.Put(s.small)
	}
	if s.large != nil {
		largePool.Put(s.large)
	}
	if s.bulk != nil {
		bulkPool.Put(s.bulk)
	}
}
