package mux

import "sync"

const (
	// chunkSize holds the largest payload.
	chunkSize = 16 << 10

	// minChunkFill is the least payload, in bytes, that gets a chunk of its own.
	// Smaller ones are packed together, so that a buffer takes at most twice the
	// memory of the bytes in it, and two chunks more.
	minChunkFill = chunkSize / 2
)

// A chunk is a piece of received data.
type chunk struct {
	next       *chunk
	start, end int // of what is not read yet, in data
	data       [chunkSize]byte
}

var chunks = sync.Pool{New: func() any { return new(chunk) }}

func newChunk() *chunk {
	c := chunks.Get().(*chunk)
	c.next, c.start, c.end = nil, 0, 0
	return c
}

// A buffer is what a stream has received and nobody has read. An empty one
// holds no memory.
type buffer struct {
	first, last *chunk
	size        int // bytes not read
}

// write copies p to the end.
func (b *buffer) write(p []byte) {
	b.size += len(p)
	for len(p) > 0 {
		if b.last == nil || b.last.end == chunkSize {
			b.link(newChunk())
		}
		n := copy(b.last.data[b.last.end:], p)
		b.last.end += n
		p = p[n:]
	}
}

// add puts a filled chunk at the end and takes it over.
func (b *buffer) add(c *chunk) {
	b.size += c.end - c.start
	b.link(c)
}

func (b *buffer) link(c *chunk) {
	if b.last == nil {
		b.first = c
	} else {
		b.last.next = c
	}
	b.last = c
}

// read moves up to len(p) bytes from the start to p.
func (b *buffer) read(p []byte) int {
	total := 0
	for b.first != nil && total < len(p) {
		c := b.first
		n := copy(p[total:], c.data[c.start:c.end])
		c.start += n
		total += n
		if c.start == c.end {
			b.drop()
		}
	}
	b.size -= total
	return total
}

// drop gives the first chunk back.
func (b *buffer) drop() {
	c := b.first
	b.first = c.next
	if b.first == nil {
		b.last = nil
	}
	chunks.Put(c)
}

// discard drops everything.
func (b *buffer) discard() {
	for b.first != nil {
		b.drop()
	}
	b.size = 0
}
