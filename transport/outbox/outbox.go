// Package outbox queues encoded frames for a connection and writes them.
//
// Both ends of the relay protocol use it: the relay's sessions, which must never
// wait for an application that does not read, and the Go binding, whose callers
// wait for room instead. So do the lanes between nodes.
package outbox

import (
	"errors"
	"io"
	"math"
	"os"
	"runtime"
	"sync"
	"time"

	"github.com/project-iris/iris/transport/budget"
)

var (
	// ErrFull says that the queue holds as many bytes as it may.
	ErrFull = errors.New("queue is full")
	// ErrClosed says that the outbox takes nothing more.
	ErrClosed = errors.New("connection is closed")
	// ErrStalled says that the peer took next to nothing for the stall time.
	ErrStalled = errors.New("peer has stopped reading")
)

// least is how many bytes a connection takes in the stall time, or it has stalled.
const least = 64

// Conn is what an outbox needs of a connection.
type Conn interface {
	io.Writer
	SetWriteDeadline(t time.Time) error
}

// TryWriter is a connection that can take bytes without a wait. TryWrite writes what the
// connection takes at once, and returns how much that was. It is not called beside Write.
// What is left is written by Write, which finds out why.
type TryWriter interface {
	TryWrite(b []byte) (n int)
}

// Outbox has two queues of frames, both bounded in bytes, and the goroutine that writes
// them. What is in Prompt goes before what is in Bulk, and each queue keeps its order. So what
// somebody waits for, such as a request or its answer, does not wait behind data, such as events.
// Bulk is not starved: it has one of five bytes at least.
//
// Frames that arrive while a write is under way go out together in the next one, so that a
// busy connection costs one system call for many frames and a quiet one no delay; no timer is
// involved. Where the connection is quiet and a [TryWriter], whoever adds a prompt frame writes
// it, which saves the change to another goroutine.
//
// A frame is added in two steps, so that it is encoded in place and nothing is
// allocated for it:
//
//	b, err := out.Prompt.Begin(m.Size())
//	if err != nil { … }
//	out.Commit(m.Append(b))
//
// The outbox is locked in between.
type Outbox struct {
	// Prompt and Bulk are the two queues.
	Prompt, Bulk Queue

	conn   Conn
	try    TryWriter // the connection, if it is one
	limit  int
	stall  time.Duration
	large  bool           // writes are large when much is queued
	apart  bool           // what is in Bulk does not fill Prompt
	done   chan struct{}  // closed when the writer has ended
	memory *budget.Holder // see Charge; nil: it is not counted
	sure   int            // see ChargeBeyond
	room   func()         // see OnRoom; nil: nobody wants to know

	mu       sync.Mutex
	work     sync.Cond     // wakes the writer: one of the fields that due looks at has changed
	adding   *Queue        // of the Begin under way
	idle     bool          // nothing is queued, nobody writes, and the writer waits
	direct   bool          // who has added a frame writes it
	wrote    time.Time     // when the last write ended
	ahead    int           // prompt bytes since the last bulk bytes
	queued   int           // bytes in both queues, and in the segment being written
	dropped  uint64        // bytes that never will be written
	progress chan struct{} // closed when queued falls; nil while nobody waits
	refused  bool          // Prompt.Begin has failed with ErrFull, and there was no room since
	first    uint64        // of the bytes ever added to Prompt, how many go before anything bulk
	closing  bool          // take nothing more, write what there is, end
	aborted  bool          // frames may have been dropped
	err      error         // why the outbox takes nothing more; set once

	armed time.Time // the write deadline is the stall time after it; the writer's own
}

// New returns an outbox that holds up to limit bytes before it is full. The last
// frame may exceed it: a frame is taken as long as fewer bytes are queued. A
// connection that takes less than 64 bytes of a write in the time stall fails with [ErrStalled];
// zero means that it may take for ever. The caller has to call Run.
func New(conn Conn, limit int, stall time.Duration) *Outbox {
	o := &Outbox{conn: conn, limit: limit, stall: stall, done: make(chan struct{})}
	o.try, _ = conn.(TryWriter)
	o.Prompt.out, o.Bulk.out = o, o
	o.work.L = &o.mu
	return o
}

// NewBulk returns an outbox for bulk data: it is never full, its connection may take for
// ever, and when much is queued it writes up to 264 KiB at once in place of 72. A stream
// of QUIC takes that with fewer changes of goroutine, but who waits for room waits for
// longer writes.
func NewBulk(conn Conn) *Outbox {
	o := New(conn, math.MaxInt, 0)
	o.large = true
	return o
}

// Charge has the memory of what is queued taken of a budget: frames that there is none for are
// refused with the error of the budget. What is queued in a queue that was empty is not counted
// up to 4 KiB. It is called before anything is added.
func (o *Outbox) Charge(memory *budget.Holder) { o.memory = memory }

// ChargeBeyond is Charge, and has frames of up to so many bytes taken in any case, as BeginOver
// takes small ones. It is for what must go on, where the limit of the queue bounds it well enough.
func (o *Outbox) ChargeBeyond(memory *budget.Holder, sure int) { o.memory, o.sure = memory, sure }

// SetApart has Prompt take up to the limit however much is in Bulk: so who waits for room there
// does not wait for bulk. It is called before anything is added.
func (o *Outbox) SetApart() { o.apart = true }

// Commit takes back what Begin of a queue handed out, with frames appended, and unlocks the
// outbox.
func (o *Outbox) Commit(b []byte) {
	defer o.mu.Unlock()
	q := o.adding
	q.commit(b)
	switch {
	case !o.idle:
	case q == &o.Prompt && o.try != nil && time.Since(o.wrote) >= Burst:
		o.writeDirect()
	default:
		o.wake()
	}
}

// CommitLast is Commit for the last frames that there will be: the outbox is closed
// before anybody can add another.
func (o *Outbox) CommitLast(b []byte) {
	o.order()
	o.closing, o.err = true, ErrClosed
	o.release()
	o.Commit(b)
}

// Order has all that is in Prompt now written before anything bulk, however much it is: so
// what is added to Bulk from now on goes behind it.
func (o *Outbox) Order() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.order()
}

func (o *Outbox) order() { o.first = o.Prompt.added }

// Dropped is how many bytes were queued, and are not written because the outbox was aborted
// or a write has failed.
func (o *Outbox) Dropped() uint64 {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.dropped
}

// OnRoom has a function called when there is room again after Prompt.Begin has failed with
// [ErrFull]: once after the failures until then, unless the outbox ends before. Others may
// have taken the room when it is called. The goroutine in Run calls it, and writes nothing
// meanwhile. It is set before Run.
func (o *Outbox) OnRoom(f func()) { o.room = f }

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
		o.order()
		o.closing, o.err = true, ErrClosed
	}
	o.wake()
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
		q, s, room := o.next()
		switch {
		case room:
			o.room()
		case q == nil:
			return o.end()
		default:
			err := o.write(s.bytes)
			o.finish(q, s, err)
			if err != nil {
				return err
			}
		}
	}
}

// next waits for a segment, or for room for those who were refused. It returns no queue when
// the writer ends.
func (o *Outbox) next() (q *Queue, s segment, room bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for !o.due() {
		o.idle = true
		o.work.Wait()
		o.gather()
	}
	o.idle = false
	if o.hasRoom() {
		o.refused = false
		return nil, segment{}, true
	}
	if q = o.turn(); q != nil {
		s = q.take()
	}
	return q, s, false
}

// due reports whether the writer has something to do. The lock is held.
func (o *Outbox) due() bool {
	return !o.direct && (o.turn() != nil || o.err != nil || o.hasRoom())
}

func (o *Outbox) hasRoom() bool { return o.refused && o.err == nil && !o.Prompt.full() }

// turn returns the queue whose segment is next, or nil. The lock is held.
func (o *Outbox) turn() *Queue {
	switch {
	case len(o.Bulk.segments) == 0 && len(o.Prompt.segments) == 0:
		return nil
	case len(o.Bulk.segments) == 0, len(o.Prompt.segments) > 0 && (o.ahead < aheadMost || o.Prompt.handed < o.first):
		return &o.Prompt
	}
	return &o.Bulk
}

// end returns why the writer ends.
func (o *Outbox) end() error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.closing {
		return nil
	}
	return o.err
}

// wake wakes the writer. The lock is held.
func (o *Outbox) wake() {
	o.idle = false
	o.work.Signal()
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

// finish accounts for a segment that was written, or could not be.
func (o *Outbox) finish(q *Queue, s segment, err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	q.written(len(s.bytes))
	o.recycle(s)
	o.wrote = time.Now()
	if err != nil {
		o.fail(err)
		return
	}
	o.release()
}

// write writes all of b. A slow connection that takes least bytes in each stall time has not
// stalled, and neither has one whose deadline was set before it had anything to take. It is
// looked at four times in the stall time, to know when it took them.
func (o *Outbox) write(b []byte) error {
	begin := time.Now()
	if err := o.arm(begin); err != nil {
		return err
	}
	taken := 0 // since begin
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
		if taken += n; taken >= least {
			begin, taken = now, 0
		}
		if now.Sub(begin) >= o.stall {
			return ErrStalled
		}
		if err := o.setDeadline(now, begin.Add(o.stall)); err != nil {
			return err
		}
	}
}

// arm sets the deadline of a write that begins now, but not for every write: one
// that is at most a quarter used serves on.
func (o *Outbox) arm(now time.Time) error {
	if o.stall == 0 || now.Sub(o.armed) < o.stall/16 {
		return nil
	}
	return o.setDeadline(now, now.Add(o.stall))
}

// setDeadline gives the connection a quarter of the stall time from now, but no more than to
// the end.
func (o *Outbox) setDeadline(now, end time.Time) error {
	o.armed = now
	at := now.Add(o.stall / 4)
	if end.Before(at) {
		at = end
	}
	return o.conn.SetWriteDeadline(at)
}

// fail drops what is queued. An outbox that was closed and loses frames by it does
// not end well.
func (o *Outbox) fail(err error) {
	if o.err == nil {
		o.err = err
	}
	o.aborted = true
	for _, q := range []*Queue{&o.Prompt, &o.Bulk} {
		for _, s := range q.segments {
			o.drop(q, len(s.bytes))
			o.recycle(s)
		}
		q.segments = nil
	}
	o.wake()
	o.release()
}

// recycle gives back what a segment has taken. The lock is held.
func (o *Outbox) recycle(s segment) {
	o.memory.Give(s.charged)
	s.recycle()
}

// drop accounts for bytes that will not be written. The lock is held.
func (o *Outbox) drop(q *Queue, n int) {
	q.written(n)
	o.dropped += uint64(n)
	o.closing = false
}

// release wakes whoever waits for the queue to fall.
func (o *Outbox) release() {
	if o.progress != nil {
		close(o.progress)
		o.progress = nil
	}
}
