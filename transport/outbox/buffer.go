package outbox

// BufferSize is how many bytes a [Buffer] has.
const BufferSize = largeSegment

// Buffer is memory for a large frame that is there before the frame can be added: what was read
// into it is added without a copy. Who has one gives it to [Queue.Add], or frees it.
type Buffer struct{ array *[BufferSize]byte }

// NewBuffer returns a buffer. What is in it is of no meaning.
func NewBuffer() Buffer { return Buffer{largePool.Get().(*[BufferSize]byte)} }

// Bytes returns all of the buffer.
func (b Buffer) Bytes() []byte { return b.array[:] }

// Free gives the memory back.
func (b Buffer) Free() { largePool.Put(b.array) }

// Add adds whole frames that are in a buffer, from one offset to another, as Begin and Commit
// would. It takes the buffer over unless it returns an error. A buffer takes all of its memory in
// the queue, so small frames are better copied.
func (q *Queue) Add(b Buffer, from, to int) error {
	o := q.out
	o.mu.Lock()
	defer o.mu.Unlock()
	if err := q.refusal(); err != nil {
		return err
	}
	if err := o.memory.Take(BufferSize); err != nil {
		return err
	}
	q.segments = append(q.segments, segment{bytes: b.array[from:from], large: b.array, charged: BufferSize})
	q.open = 0
	q.commit(b.array[from:to])
	if o.idle {
		o.wake()
	}
	return nil
}
