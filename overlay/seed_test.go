package overlay

import (
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/project-iris/iris/transport/mem"
)

// logbook keeps what nodes log.
type logbook struct {
	mu    sync.Mutex
	lines []string
}

func (l *logbook) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lines = append(l.lines, string(b))
	return len(b), nil
}

// about returns the lines of a level that contain a text.
func (l *logbook) about(level, text string) []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	var found []string
	for _, line := range l.lines {
		if strings.Contains(line, "level="+level) && strings.Contains(line, text) {
			found = append(found, line)
		}
	}
	return found
}

// A seed that is not reached is named with the reason, now and then, though this node has
// found others; it is taken when it comes, and that is said.
func TestASeedThatIsNotReachedIsNamed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 1, mem.Path{Delay: time.Millisecond})
		var log logbook
		w.log = &log
		w.startAlone("mem://0", "mem://2")
		time.Sleep(1900 * time.Millisecond)
		if said := log.about("WARN", ""); len(said) != 0 {
			t.Errorf("a seed that has no time to start is complained of: %s", said)
		}
		time.Sleep(10 * time.Second)
		said := log.about("WARN", "join=mem://2")
		if len(said) != 1 || !strings.Contains(said[0], "err=") || len(log.about("WARN", "join=mem://0")) > 0 {
			t.Fatalf("after 12 s it says %q, want one line about mem://2 with a reason", log.about("WARN", ""))
		}
		time.Sleep(10 * time.Minute)
		if said := log.about("WARN", "join=mem://2"); len(said) < 2 || len(said) > 5 {
			t.Errorf("in ten minutes it says it %d times, want 2 to 5", len(said))
		}
		w.log = nil
		third := w.startAlone()
		time.Sleep(2*time.Minute + 10*time.Second)
		if others := third.Others(); others != 2 {
			t.Errorf("the seed knows %d others, want 2", others)
		}
		if said := log.about("INFO", "node that was named is reached"); len(said) != 1 {
			t.Errorf("that it is reached is said %d times", len(said))
		}
	})
}

// A node that is among its own seeds, as when all nodes have the same list, does not
// complain of itself.
func TestASeedThatIsTheNodeItself(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 1, mem.Path{Delay: time.Millisecond})
		var log logbook
		w.log = &log
		w.startAlone("mem://0", "mem://1")
		time.Sleep(5 * time.Minute)
		if said := log.about("WARN", ""); len(said) != 0 {
			t.Errorf("it says %q", said)
		}
	})
}
