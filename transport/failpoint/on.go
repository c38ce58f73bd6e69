//go:build failpoints

package failpoint

import "sync"

// Enabled says whether tests can have points fail.
const Enabled = true

var (
	mu     sync.Mutex
	points = make(map[string]func() error)
)

// Hit returns the error that a test has set for a point, nil for none.
func Hit(point string) error {
	mu.Lock()
	fail := points[point]
	mu.Unlock()
	if fail == nil {
		return nil
	}
	return fail()
}

// Set has a function say what a point fails with, whenever it is hit, until clear is called. The
// function may be called by several goroutines.
func Set(point string, fail func() error) (clear func()) {
	mu.Lock()
	defer mu.Unlock()
	points[point] = fail
	return func() {
		mu.Lock()
		defer mu.Unlock()
		delete(points, point)
	}
}

// Times returns a function for [Set] that fails so many times.
func Times(n int, err error) func() error {
	var mu sync.Mutex
	return func() error {
		mu.Lock()
		defer mu.Unlock()
		if n == 0 {
			return nil
		}
		n--
		return err
	}
}
