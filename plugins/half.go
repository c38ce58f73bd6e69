package plugins

import (
	"io"
	"os"
	"sync"
	"time"
)

// A half is one direction of a connection: a bounded buffer with deadlines, for one who
// writes and one who reads.
type half struct {
	limit int // bytes

	mu      sync.Mutex
	changed sync.Cond
	data    []byte
	ended   bool  // nothing follows what is there
	err     error // of everything, from now on
	reading deadline
	writing deadline
}

func newHalf(limit int) *half {
	h := &half{limit: limit}
	h.changed.L = &h.mu
	return h
}

// A deadline is a point in time, and the timer that wakes those who wait for longer.
type deadline struct {
	at    time.Time
	timer *time.Timer
}

func (d *deadline) passed() bool { return !d.at.IsZero() && !time.Now().Before(d.at) }

// set sets one of the half's deadlines.
func (h *half) set(d *deadline, at time.Time) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if d.timer != nil {
		d.timer.Stop()
		d.timer = nil
	}
	d.at = at
	if !at.IsZero() {
		d.timer = time.AfterFunc(time.Until(at), h.wake)
	}
	h.changed.Broadcast()
}

// wake makes those who wait look again. It takes the lock, so that nobody is between the
// look and the wait.
func (h *half) wake() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.changed.Broadcast()
}

// Write waits for room.
func (h *half) Write(b []byte) (written int, err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for {
		switch {
		case h.err != nil:
			return written, h.err
		case h.ended:
			return written, io.ErrClosedPipe
		case h.writing.passed():
			return written, os.ErrDeadlineExceeded
		}
		if n := min(len(b), h.limit-len(h.data)); n > 0 {
			h.data = append(h.data, b[:n]...)
			b = b[n:]
			written += n
			h.changed.Broadcast()
		}
		if len(b) == 0 {
			return written, nil
		}
		h.changed.Wait()
	}
}

// Read waits for something to come. It returns io.EOF at the end.
func (h *half) Read(b []byte) (int, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if err := h.await(); err != nil {
		return 0, err
	}
	n := copy(b, h.data)
	h.data = h.data[:copy(h.data, h.data[n:])]
	h.changed.Broadcast()
	return n, nil
}

// take waits likewise, and returns all that is there. It takes a buffer in exchange.
func (h *half) take(spare []byte) ([]byte, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if err := h.await(); err != nil {
		return nil, err
	}
	taken := h.data
	h.data = spare[:0]
	h.changed.Broadcast()
	return taken, nil
}

// await waits for data. The lock is held.
func (h *half) await() error {
	for {
		switch {
		case h.err != nil:
			return h.err
		case h.reading.passed():
			return os.ErrDeadlineExceeded
		case len(h.data) > 0:
			return nil
		case h.ended:
			return io.EOF
		}
		h.changed.Wait()
	}
}

// end ends the direction in good order.
func (h *half) end() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.ended = true
	h.changed.Broadcast()
}

// fail ends it at once, if it has not failed before.
func (h *half) fail(err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.err == nil {
		h.err = err
		h.data = nil
	}
	h.changed.Broadcast()
}
