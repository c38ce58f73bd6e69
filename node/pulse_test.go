package node

import (
	"sync"
	"testing"
	"testing/synctest"
)

// A part that does not answer is named, however often it is asked about, and gathers no
// goroutines; when it answers again all is well.
func TestAPartThatIsStuck(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		asked := 0
		release := make(chan struct{})
		p := pulse{parts: []part{
			{"the first", func() error { return nil }},
			{"the second", func() error {
				mu.Lock()
				asked++
				mu.Unlock()
				<-release
				return nil
			}},
		}}
		for range 5 {
			if got := p.stuck(); got != "the second does not answer" {
				t.Errorf("stuck: %q", got)
			}
		}
		mu.Lock()
		if asked != 1 {
			t.Errorf("it was asked %d times at once", asked)
		}
		mu.Unlock()
		close(release)
		synctest.Wait()
		if got := p.stuck(); got != "" {
			t.Errorf("stuck: %q", got)
		}
	})
}
