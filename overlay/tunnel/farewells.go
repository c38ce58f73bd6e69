package tunnel

import (
	"sync"
	"time"
)

// handTimeout is how long what was written into a tunnel may take to arrive after the
// tunnel was closed here, before the links are.
const handTimeout = time.Second

// Farewells are the ends of tunnels that were closed here, of which what was written before
// is still on its way. The zero value is ready.
type Farewells struct {
	work  sync.WaitGroup
	watch sync.WaitGroup // who waits for work

	mu   sync.Mutex
	last time.Time // when the latest was written
}

// add ends a tunnel in a goroutine of its own. The function reports whether something may be
// on its way then.
func (f *Farewells) add(end func() bool) {
	f.work.Go(func() {
		if end() {
			f.mu.Lock()
			defer f.mu.Unlock()
			f.last = time.Now()
		}
	})
}

// Await gives what was written into tunnels time to arrive: a second after the latest was
// closed, or from now on if one is still being written. A stream of which one direction has
// ended cannot tell when the other end has read it.
func (f *Farewells) Await() {
	written := make(chan struct{})
	f.watch.Go(func() {
		f.work.Wait()
		close(written)
	})
	timer := time.NewTimer(handTimeout)
	defer timer.Stop()
	select {
	case <-written:
	case <-timer.C:
		return
	}
	f.mu.Lock()
	left := time.Until(f.last.Add(handTimeout))
	f.mu.Unlock()
	timer.Reset(left)
	<-timer.C
}

// Wait returns when all have ended, which they do soon after their links.
func (f *Farewells) Wait() {
	f.work.Wait()
	f.watch.Wait()
}
