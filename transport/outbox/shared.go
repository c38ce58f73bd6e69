package outbox

import (
	"sync"

	"github.com/project-iris/iris/transport/budget"
)

// ShareFrom is the size from which frames are worth to be shared. Of smaller ones at least two
// go into a segment, which is one write; of these each takes a segment of its own anyhow.
const ShareFrom = largeSegment/2 + 1

// Frame is a message that knows how it is encoded.
type Frame interface {
	// Size is how many bytes Append appends.
	Size() int
	// Append appends the frame.
	Append(b []byte) []byte
}

// Shared is a frame that several queues hold together: it is in memory once, and counts once. Who
// makes one adds it to queues, one after the other, and closes it. The zero value is ready.
//
// Of those who have not written it yet one pays for it, the first. When that one has, the
// next one pays. So who is slow pays, and nobody for more than waits for it.
type Shared struct {
	mu      sync.Mutex // locked behind that of an outbox
	bytes   []byte     // nil: nobody holds it yet
	large   *[largeSegment]byte
	charged int64
	holders []sharer
	payer   int // of holders
	held    int // how many of them have it
	closed  bool
}

// sharer is one who holds a shared frame, or has held it.
type sharer struct {
	memory *budget.Holder
	has    bool
}

// Close says that the frame is added to no more queues. A nil one may be closed.
func (s *Shared) Close() {
	if s == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	s.free()
}

// hold encodes the frame for the first who holds it, at whose cost it is, and returns it with
// the number to release it by.
func (s *Shared) hold(f Frame, memory *budget.Holder) (b []byte, number int, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.bytes == nil {
		if err := s.encode(f, memory); err != nil {
			return nil, 0, err
		}
	}
	s.holders = append(s.holders, sharer{memory, true})
	s.held++
	if last := len(s.holders) - 1; !s.holders[s.payer].has {
		s.pays(last)
	}
	return s.bytes, len(s.holders) - 1, nil
}

func (s *Shared) encode(f Frame, memory *budget.Holder) error {
	size := f.Size()
	charged := max(int64(size), largeSegment)
	if err := memory.Take(charged); err != nil {
		return err
	}
	s.charged = charged
	var b []byte
	if size <= largeSegment {
		s.large = largePool.Get().(*[largeSegment]byte)
		b = s.large[:0]
	} else {
		b = make([]byte, 0, size)
	}
	b = f.Append(b)
	s.bytes = b[:len(b):len(b)] // nothing is added to it
	return nil
}

// release is for one who has written the frame, or has not to.
func (s *Shared) release(number int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.holders[number].has = false
	s.held--
	if number != s.payer {
		return
	}
	for i := s.payer + 1; i < len(s.holders); i++ { // those before have all paid
		if s.holders[i].has {
			s.pays(i)
			return
		}
	}
	s.free()
}

// pays has another one pay. The lock is held.
func (s *Shared) pays(number int) {
	s.holders[s.payer].memory.Move(s.holders[number].memory, s.charged)
	s.payer = number
}

// free gives the memory back when nobody holds the frame, or will. The lock is held.
func (s *Shared) free() {
	if !s.closed || s.held > 0 || s.bytes == nil {
		return
	}
	s.holders[s.payer].memory.Give(s.charged)
	if s.large != nil {
		largePool.Put(s.large)
	}
	s.bytes, s.large, s.holders = nil, nil, nil
}

// AddShared adds a frame that other queues may hold too, as Begin and Commit would. It is encoded for the
// first queue that takes it. Where the memory of an outbox is counted, that of all is.
func (q *Queue) AddShared(s *Shared, f Frame) error {
	o := q.out
	o.mu.Lock()
	defer o.mu.Unlock()
	if err := q.refusal(); err != nil {
		return err
	}
	b, number, err := s.hold(f, o.memory)
	if err != nil {
		return err
	}
	q.segments = append(q.segments, segment{bytes: b[:0:0], shared: s, number: number})
	q.open = 0
	q.commit(b)
	if o.idle {
		o.wake()
	}
	return nil
}
