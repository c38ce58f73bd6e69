package session

import (
	"context"
	"io"
	"sync"
	"time"

	"github.com/project-iris/iris/overlay/wire"
	"github.com/project-iris/iris/transport"
)

// What a lane has on its way to the other node, and is not read there yet, is what everything
// behind it waits for, in whichever buffers of nodes and systems it is. So a lane has a limit for
// that: what the link carries in a round trip, and [flowDelay] more. It is found as TCP Vegas
// (Brakmo, Peterson, 1995) finds its window, by how much longer than the least round trip one
// takes while a lane is at its limit.
const (
	flowDelay = 500 * time.Microsecond
	// flowLeast and flowMost bound the limit, in bytes, and flowFirst is what it begins with.
	flowLeast = 128 << 10
	flowFirst = 256 << 10
	flowMost  = 16 << 20
	// flowMemory is how long the least round trip counts, to twice as long: a route may change.
	flowMemory = 10 * time.Second
	// readEvery is after how many bytes a node says that it has read them.
	readEvery = 32 << 10
)

// flow limits what a lane has on its way. The zero value is not ready.
type flow struct {
	window window
	moved  chan struct{} // holds one when more was read
	ended  chan struct{} // closed when the other node says no more
}

func newFlow() *flow {
	return &flow{window: newWindow(), moved: make(chan struct{}, 1), ended: make(chan struct{})}
}

// await waits until so many bytes may be written, and counts them.
func (f *flow) await(ctx context.Context, n int) error {
	for !f.window.take(time.Now(), uint64(n)) {
		select {
		case <-f.moved:
		case <-f.ended:
			return errLinkLost
		case <-ctx.Done():
			return errLinkLost
		}
	}
	return nil
}

// follow reads how much the other node has read, until it ends the stream or breaks the
// protocol. Then nothing more can be written.
func (f *flow) follow(stream io.Reader) {
	defer close(f.ended)
	reader := wire.NewReader(stream, wire.Limits{Frame: wire.ReadLimit})
	defer reader.Close()
	for {
		m, err := reader.Read()
		if err != nil {
			return
		}
		if read, ok := m.(*wire.Read); ok {
			f.window.read(time.Now(), read.Bytes)
			select {
			case f.moved <- struct{}{}:
			default:
			}
		}
	}
}

// window is the arithmetic of a flow. It has no clock. It is safe for concurrent use.
type window struct {
	mu      sync.Mutex
	limit   uint64
	written uint64 // bytes, by this node
	seen    uint64 // bytes, read by the other node
	full    bool   // somebody had to wait since the trip began

	trip struct { // that is measured
		begin time.Time // zero: none is
		start uint64    // the byte that was written then; to read it ends the trip
		under uint64    // bytes on their way before it
	}
	least, before time.Duration // round trips of this memory and of the one before; 0: none
	since         time.Time     // when this memory began
}

func newWindow() window { return window{limit: flowFirst} }

// take counts bytes that are to be written now, if they may be. Bytes are taken while fewer than
// the limit are on their way.
func (w *window) take(now time.Time, n uint64) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	under := w.written - w.seen
	if under >= w.limit {
		w.full = true
		return false
	}
	w.written += n
	if w.trip.begin.IsZero() && under >= readEvery {
		w.trip.begin, w.trip.start, w.trip.under, w.full = now, w.written-n, under, false
	}
	return true
}

// giveBack is for bytes that were taken, and not written after all.
func (w *window) giveBack(n uint64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.written -= n
	w.seen = min(w.seen, w.written) // the other node may have said that it has read it
	if w.trip.start >= w.written {
		w.trip.begin = time.Time{}
	}
}

// read notes how many bytes the other node has read in all.
func (w *window) read(now time.Time, bytes uint64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.seen = min(max(w.seen, bytes), w.written)
	if w.trip.begin.IsZero() || w.seen <= w.trip.start {
		return
	}
	w.learn(now, now.Sub(w.trip.begin))
	w.trip.begin = time.Time{}
}

// learn takes a round trip. The lock is held.
func (w *window) learn(now time.Time, took time.Duration) {
	took = max(took, time.Microsecond)
	if now.Sub(w.since) > flowMemory {
		w.since, w.before, w.least = now, w.least, 0
	}
	if w.least == 0 || took < w.least {
		w.least = took
	}
	least := w.least
	if w.before > 0 {
		least = min(least, w.before)
	}
	if !w.full || w.trip.under < w.limit/2 {
		return // the limit was not in the way
	}
	fit := uint64(float64(w.trip.under) * float64(2*least+flowDelay) / float64(took))
	fit = min(max(fit, w.limit/2), 2*w.limit)
	w.limit = min(max(fit, flowLeast), flowMost)
}

// telling is the stream of a lane that the other node is told about as it is read.
type telling struct {
	transport.Stream
	bytes, told uint64
	frame       []byte
}

// Read reads, and tells.
func (t *telling) Read(b []byte) (int, error) {
	n, err := t.Stream.Read(b)
	t.bytes += uint64(n)
	if t.bytes-t.told >= readEvery {
		t.told = t.bytes
		m := wire.Read{Bytes: t.bytes}
		t.frame = m.Append(t.frame[:0])
		_, _ = t.Stream.Write(t.frame) // the lane ends if it fails
	}
	return n, err
}
