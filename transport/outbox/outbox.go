// Package outbox queues encoded frames for a connection and writes them.
//
// Both ends of the relay protocol use it: the relay's sessions, which must never
// wait for an application that does not read, and the Go binding, whose callers
// wait for room instead. So do the lanes between nodes.
package outbox

import (
	"context"
	"errors"
	"io"
	"math"
	"os"
	"runtime"
	"sync"
	"time"
)

var (
	// ErrFull says that the queue holds as many bytes as it may.
	ErrFull = errors.New("queue is full")
	// ErrClosed says that the outbox takes nothing more.
	ErrClosed = errors.New("connection is closed")
	// ErrStalled says that the peer took no byte for the stall time.
	ErrStalled = errors.New("peer has stopped reading")
)

// Conn is what an outbox needs of a connection.
type Conn interface {
	io.Writer
	SetWriteDeadline(t time.Time) error
}

// Outbox is a queue of frames, bounded in bytes, and the goroutine that writes
// them in order. Frames that arrive while a write is under way go out together in
// the next one, so that a busy connection costs one system call for many frames
// and a quiet one no delay; no timer is involved.
//
// A frame is added in two steps, so that it is encoded in place and nothing is
// allocated for it:
//
//	b, err := out.Begin(m.Size())
//	if err != nil { … }
//	out.Commit(m.Append(b))
//
// The outbox is locked in between.
type Outbox struct {
	conn  Conn
	limit int
	stall time.Duration
	bulk  bool          // writes are large when much is queued
	done  chan struct{} // closed when the writer has ended
	room  func()        // see OnRoom; nil: nobody wants to know

	mu       sync.Mutex
	work     sync.Cond     // wakes the writer: segments, closing or err has changed
	segments []segment     // frames to write; the last one still grows
	open     int           // bytes in the last segment before Begin handed it out
	queued   int           // bytes in segments, and in the one being written
	added    uint64        // bytes ever
	handed   uint64        // bytes of these that the connection was asked to write
	dropped  uint64        // bytes of these that it never will be
	progress chan struct{} // closed when queued falls; nil while nobody waits
	refused  bool          // Begin has failed with ErrFull, and there was no room since
	closing  bool          // take nothing more, write what there is, end
	err      error         // why the outbox takes nothing more; set once

	armed time.Time // the write deadline is the stall time after it; the writer's own
}

// New returns an outbox that holds up to limit bytes before it is full. The last
// frame may exceed it: a frame is taken as long as fewer bytes are queued. A
// connection that takes no byte for the time stall fails with [ErrStalled]; zero
// means that it may take for ever. The caller has to call Run.
func New(conn Conn, limit int, stall time.Duration) *Outbox {
	o := &Outbox{conn: conn, limit: limit, stall: stall, done: make(chan struct{})}
	o.work.L = &o.mu
	return o
}

// NewBulk returns an outbox for bulk data: it is never full, its connection may take for
// ever, and when much is queued it writes up to 264 KiB at once in place of 72. A stream
// of QUIC takes that with fewer changes of goroutine, but who waits for room waits for
// longer writes.
func NewBulk(conn Conn) *Outbox {
	o := New(conn, math.MaxInt, 0)
	o.bulk = true
	return o
}

// Begin locks the outbox and returns a slice with room for size more bytes, to
// append exactly one or more whole frames to. Commit has to follow unless there is
// an error: [ErrFull], or why the outbox is closed.
func (o *Outbox) Begin(size int) ([]byte, error) {
	o.mu.Lock()
	err := o.err
	if err == nil && o.queued >= o.limit {
		o.refused = true
		err = ErrFull
	}
	if err != nil {
		o.mu.Unlock()
		return nil, err
	}
	return o.grow(size), nil
}

// BeginOver is Begin for what must not be dropped: it ignores the limit, so the
// caller has to bound what it adds in another way.
func (o *Outbox) BeginOver(size int) ([]byte, error) {
	o.mu.Lock()
	if o.err != nil {
		defer o.mu.Unlock()
		return nil, o.err
	}
	return o.grow(size), nil
}

// BeginWait is Begin that waits for room until the context ends.
func (o *Outbox) BeginWait(ctx context.Context, size int) ([]byte, error) {
	for {
		b, err := o.Begin(size)
		if !errors.Is(err, ErrFull) {
			return b, err
		}
		if err := o.WaitRoom(ctx); err != nil {
			return nil, err
		}
	}
}

// Commit takes back what Begin handed out, with frames appended, and unlocks the
// outbox.
func (o *Outbox) Commit(b []byte) {
	last := &o.segments[len(o.segments)-1]
	o.queued += len(b) - o.open
	o.added += uint64(len(b) - o.open)
	last.bytes = b
	if len(o.segments) == 1 {
		o.work.Signal()
	}
	o.mu.Unlock()
}

// CommitLast is Commit for the last frames that there will be: the outbox is closed
// before anybody can add another.
func (o *Outbox) CommitLast(b []byte) {
	o.closing, o.err = true, ErrClosed
	o.release()
	o.Commit(b)
}

// Position is how many bytes were added before those that Begin makes room for. It is
// called between Begin and Commit.
func (o *Outbox) Position() uint64 { return o.added }

// Handed is how many bytes the connection was asked to write. What was added at a position
// from there on was certainly not sent, if the outbox is aborted.
func (o *Outbox) Handed() uint64 {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.handed
}

// Dropped is how many bytes were queued, and are not written because the outbox was aborted
// or a write has failed.
func (o *Outbox) Dropped() uint64 {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.dropped
}

// WaitRoom returns nil as soon as the outbox is not full. When it is, that is when
// half of it has been written. It returns the context's error if that ends first,
// or why the outbox is closed.
func (o *Outbox) WaitRoom(ctx context.Context) error {
	if !o.Full() {
		return o.WaitBelow(ctx, o.limit)
	}
	return o.WaitBelow(ctx, o.limit/2+1)
}

// WaitBelow returns nil as soon as fewer than n bytes are queued. It returns the
// context's error if that ends first, or why the outbox is closed.
func (o *Outbox) WaitBelow(ctx context.Context, n int) error {
	for {
		o.mu.Lock()
		if o.err != nil || o.queued < n {
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

// OnRoom has a function called when there is room again after Begin has failed with
// [ErrFull]: once after the failures until then, unless the outbox ends before. Others may
// have taken the room when it is called. The goroutine in Run calls it, and writes nothing
// meanwhile. It is set before Run.
func (o *Outbox) OnRoom(f func()) { o.room = f }

// Full reports whether Begin would refuse a frame for want of room.
func (o *Outbox) Full() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.queued >= o.limit
}

// Queued returns the number of bytes that are not written yet.
func (o *Outbox) Queued() int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.queued
}

// Err returns why the outbox takes nothing more, nil while it does.
func (o *Outbox) Err() error {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.err
}

// Close takes no more frames. What is queued is still written; Done tells when.
func (o *Outbox) Close() {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.err == nil {
		o.closing, o.err = true, ErrClosed
	}
	o.work.Signal()
	o.release()
}

// Abort takes no more frames and drops what is queued; err is what Begin returns
// from now on, unless the outbox was closed already. A write under way ends when
// the connection is closed.
func (o *Outbox) Abort(err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.fail(err)
}

// Done is closed when the writer has ended.
func (o *Outbox) Done() <-chan struct{} { return o.done }

// Run writes until the outbox is closed and empty, which is no error, or aborted,
// or a write fails; it returns why. An outbox that is aborted after it was closed
// ends with [ErrClosed] if frames are dropped. Run is called once; no goroutine is
// left behind.
func (o *Outbox) Run() error {
	defer close(o.done)
	for {
		s, err := o.next()
		if s.bytes == nil {
			return err
		}
		err = o.write(s.bytes)
		room := o.finish(s, err)
		if err != nil {
			return err
		}
		if room && o.room != nil {
			o.room()
		}
	}
}

// next waits for a segment. Without one it returns why the writer ends.
func (o *Outbox) next() (segment, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for len(o.segments) == 0 && o.err == nil {
		o.work.Wait()
		o.gather()
	}
	if len(o.segments) == 0 {
		if o.closing {
			return segment{}, nil
		}
		return segment{}, o.err
	}
	s := o.segments[0]
	n := copy(o.segments, o.segments[1:])
	o.segments[n] = segment{}
	o.segments = o.segments[:n]
	o.handed += uint64(len(s.bytes))
	return s, nil
}

// gather lets those run first that are about to add frames: who reads a burst of frames
// wakes one goroutine after the other, and each may have something to write. Without that, the
// first frame of a burst is a write of its own, and wakes whoever reads it for little. The
// lock is held.
func (o *Outbox) gather() {
	o.mu.Unlock()
	runtime.Gosched()
	o.mu.Lock()
}

// finish accounts for a segment that was written, or could not be. It reports whether
// there is room for those who were refused.
func (o *Outbox) finish(s segment, err error) (room bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.queued -= len(s.bytes)
	s.recycle()
	if err != nil {
		o.fail(err)
		return false
	}
	o.release()
	room = o.refused && o.queued < o.limit
	o.refused = o.refused && !room
	return room
}

// write writes all of b. Only a connection that takes nothing at all has stalled:
// a slow one that takes a little gets another deadline, and so does one whose
// deadline was set before it had anything to take.
func (o *Outbox) write(b []byte) error {
	begin := time.Now()
	if err := o.arm(begin); err != nil {
		return err
	}
	for {
		n, err := o.conn.Write(b)
		if err == nil {
			return nil
		}
		b = b[n:]
		if !errors.Is(err, os.ErrDeadlineExceeded) {
			return err
		}
		now := time.Now()
		if n > 0 {
			begin = now
		}
		if now.Sub(begin) >= o.stall {
			return ErrStalled
		}
		if err := o.setDeadline(begin); err != nil {
			return err
		}
	}
}

// arm sets the deadline of a write that begins now, but not for every write: one
// that is at most a quarter used serves on.
func (o *Outbox) arm(now time.Time) error {
	if o.stall == 0 || now.Sub(o.armed) < o.stall/4 {
		return nil
	}
	return o.setDeadline(now)
}

// setDeadline gives the connection the stall time from begin.
func (o *Outbox) setDeadline(begin time.Time) error {
	o.armed = begin
	return o.conn.SetWriteDeadline(begin.Add(o.stall))
}

// grow returns the last segment, with room for size more bytes.
func (o *Outbox) grow(size int) []byte {
	if n := len(o.segments); n > 0 {
		if last := o.segments[n-1].bytes; cap(last)-len(last) >= size {
			o.open = len(last)
			return last
		}
	}
	o.segments = append(o.segments, newSegment(size, len(o.segments), o.bulk))
	o.open = 0
	return o.segments[len(o.segments)-1].bytes
}

// fail drops what is queued. An outbox that was closed and loses frames by it does
// not end well.
func (o *Outbox) fail(err error) {
	if o.err == nil {
		o.err = err
	}
	o.closing = o.closing && len(o.segments) == 0
	for _, s := range o.segments {
		o.queued -= len(s.bytes)
		o.dropped += uint64(len(s.bytes))
		s.recycle()
	}
	o.segments = nil
	o.work.Signal()
	o.release()
}

// release wakes whoever waits for the queue to fall.
func (o *Outbox) release() {
	if o.progress != nil {
		close(o.progress)
		o.progress = nil
	}
}
