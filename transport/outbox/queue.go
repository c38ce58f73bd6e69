package outbox

import (
	"context"
	"errors"
)

// aheadMost is how many prompt bytes go before bulk ones that wait, until a segment of these
// has its turn.
const aheadMost = 256 << 10

// Queue is one of the two of an [Outbox].
type Queue struct {
	out *Outbox

	// The lock of the outbox guards these.
	segments []segment // frames to write; the last one still grows
	open     int       // bytes in the last segment before Begin handed it out
	queued   int       // bytes in segments, and in the one being written
	added    uint64    // bytes ever
	handed   uint64    // bytes of these that the connection was asked to write
}

// Begin locks the outbox and returns a slice with room for size more bytes, to
// append exactly one or more whole frames to. [Outbox.Commit] has to follow unless there is
// an error: [ErrFull], or why the outbox is closed.
func (q *Queue) Begin(size int) ([]byte, error) {
	q.out.mu.Lock()
	if err := q.refusal(); err != nil {
		q.out.mu.Unlock()
		return nil, err
	}
	return q.begin(size, size <= q.out.sure)
}

// begin is grow, or unlocks the outbox and fails where there is no memory.
func (q *Queue) begin(size int, force bool) ([]byte, error) {
	b, err := q.grow(size, force)
	if err != nil {
		q.out.mu.Unlock()
	}
	return b, err
}

// refusal returns why nothing can be added, nil if it can. The lock is held.
func (q *Queue) refusal() error {
	o := q.out
	if o.err == nil && q.full() {
		o.refused = o.refused || o.room != nil && q == &o.Prompt
		return ErrFull
	}
	return o.err
}

// BeginOver is Begin for what must not be dropped: it ignores the limit, so the
// caller has to bound what it adds in another way. Memory is refused to frames of more than
// 4 KiB alone, see [Outbox.Charge].
func (q *Queue) BeginOver(size int) ([]byte, error) {
	o := q.out
	o.mu.Lock()
	if o.err != nil {
		defer o.mu.Unlock()
		return nil, o.err
	}
	return q.begin(size, size <= smallSegment)
}

// BeginWait is Begin that waits for room until the context ends.
func (q *Queue) BeginWait(ctx context.Context, size int) ([]byte, error) {
	for {
		b, err := q.Begin(size)
		if !errors.Is(err, ErrFull) {
			return b, err
		}
		if err := q.WaitRoom(ctx); err != nil {
			return nil, err
		}
	}
}

// Position is how many bytes were added before those that Begin makes room for. It is
// called between Begin and Commit.
func (q *Queue) Position() uint64 { return q.added }

// Handed is how many bytes the connection was asked to write. What was added at a position
// from there on was certainly not sent, if the outbox is aborted.
func (q *Queue) Handed() uint64 {
	q.out.mu.Lock()
	defer q.out.mu.Unlock()
	return q.handed
}

// WaitRoom returns nil as soon as the queue is not full. When it is, that is when
// half of it has been written. It returns the context's error if that ends first,
// or why the outbox is closed.
func (q *Queue) WaitRoom(ctx context.Context) error {
	if !q.Full() {
		return q.WaitBelow(ctx, q.out.limit)
	}
	return q.WaitBelow(ctx, q.out.limit/2+1)
}

// WaitBelow returns nil as soon as fewer than n bytes count against the limit. It returns the
// context's error if that ends first, or why the outbox is closed.
func (q *Queue) WaitBelow(ctx context.Context, n int) error {
	o := q.out
	for {
		o.mu.Lock()
		if o.err != nil || q.counted() < n {
			defer o.mu.Unlock()
			return o.err
		}
		if o.progress == nil {
			o.progress = make(chan struct{})
		}
		progress := o.progress
		o.mu.Unlock()
		select {
		case <-progress:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// Full reports whether Begin would refuse a frame for want of room.
func (q *Queue) Full() bool {
	q.out.mu.Lock()
	defer q.out.mu.Unlock()
	return q.full()
}

func (q *Queue) full() bool { return q.counted() >= q.out.limit }

// counted is how many of the bytes that are queued count against the limit. The lock is held.
func (q *Queue) counted() int {
	if q.out.apart && q == &q.out.Prompt {
		return q.queued
	}
	return q.out.queued
}

// grow returns the last segment, with room for size more bytes, if there is memory for that, or
// it is taken by force. The lock is held, also after it.
func (q *Queue) grow(size int, force bool) ([]byte, error) {
	q.out.adding = q
	if n := len(q.segments); n > 0 {
		if last := q.segments[n-1].bytes; cap(last)-len(last) >= size {
			q.open = len(last)
			return last, nil
		}
	}
	need := charge(size, len(q.segments), q.out.large)
	if force {
		q.out.memory.Force(need)
	} else if err := q.out.memory.Take(need); err != nil {
		return nil, err
	}
	s := newSegment(size, len(q.segments), q.out.large)
	s.charged = need
	q.segments = append(q.segments, s)
	q.open = 0
	return s.bytes, nil
}

// commit takes back what grow has returned.
func (q *Queue) commit(b []byte) {
	n := len(b) - q.open
	q.segments[len(q.segments)-1].bytes = b
	q.queued += n
	q.out.queued += n
	q.added += uint64(n)
}

// take takes the first segment out, to write it. The lock is held.
func (q *Queue) take() segment {
	s := q.segments[0]
	n := copy(q.segments, q.segments[1:])
	q.segments[n] = segment{}
	q.segments = q.segments[:n]
	q.handed += uint64(len(s.bytes))
	switch o := q.out; {
	case q == &o.Bulk, len(o.Bulk.segments) == 0:
		o.ahead = 0
	default:
		o.ahead += len(s.bytes)
	}
	return s
}

// written accounts for bytes that are queued no more. The lock is held.
func (q *Queue) written(n int) {
	q.queued -= n
	q.out.queued -= n
}
