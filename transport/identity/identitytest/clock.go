package identitytest

import (
	"sync"
	"time"
	"unsafe"
)

// A Clock is one whose wall reading can be set, as the clock of a host can: its
// monotonic reading goes on as that of time.Now. It is for any number of
// goroutines; the zero value is right.
type Clock struct {
	mu    sync.Mutex
	ahead time.Duration
}

// Set moves the wall reading, ahead or back.
func (c *Clock) Set(by time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ahead += by
}

// Now returns the time with both readings.
func (c *Clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return SetWall(time.Now(), c.ahead)
}

// started has both readings.
var started = time.Now()

// SetWall returns a time whose wall reading is moved, and whose monotonic reading
// is the same; a time that has none, as in a bubble of testing/synctest, gets one
// first. It panics where package time does not keep them as it did in Go
// 1.26: nothing of its interface can make such a time.
func SetWall(t time.Time, by time.Duration) time.Time {
	t = started.Add(t.Sub(started))
	moved := t.Add(by) // both readings
	(*struct {
		wall      uint64
		monotonic int64
	})(unsafe.Pointer(&moved)).monotonic -= int64(by)
	if moved.Sub(t) != 0 || moved.Round(0).Sub(t.Round(0)) != by {
		panic("identitytest: package time keeps its readings in another way")
	}
	return moved
}
