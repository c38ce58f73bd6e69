package outbox

import (
	"slices"
	"time"
)

// Burst is how long after a write a prompt frame is left to the writer, here and in what else
// writes directly where a connection is quiet: frames that follow each
// other this closely are better written together. A system call for a small frame takes about 5
// to 10 µs, a round trip through a quiet node of the host 100 or more.
const Burst = 50 * time.Microsecond

// writeDirect writes the only segment that there is, in the goroutine that has added it, as far
// as the connection takes it at once. The writer does the rest, and what is added meanwhile. The
// lock is held, and is released while it writes.
func (o *Outbox) writeDirect() {
	q := &o.Prompt
	s := q.take()
	o.direct, o.idle = true, false
	o.mu.Unlock()
	n := o.try.TryWrite(s.bytes)
	o.mu.Lock()
	o.direct = false
	o.wrote = time.Now()
	q.written(n)
	o.putBack(q, s, n)
	o.release()
	if o.due() {
		o.work.Signal()
	} else {
		o.idle = true
	}
}

// putBack puts a segment, of which n bytes are written, before all others of its queue. The
// lock is held.
func (o *Outbox) putBack(q *Queue, s segment, n int) {
	left := len(s.bytes) - n
	switch {
	case left == 0:
		o.recycle(s)
	case o.aborted:
		o.drop(q, left)
		o.recycle(s)
	default:
		q.handed -= uint64(left)
		s.bytes = s.bytes[n:]
		q.segments = slices.Insert(q.segments, 0, s)
	}
}
