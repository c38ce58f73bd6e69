package overlay

import (
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/project-iris/iris/transport/mem"
)

// A machine with a node is copied. The two nodes with one id confuse the others; both
// notice, and once each has given way to a new one, all that they serve is found again.
func TestCopiesOfANodeGiveTheirIDUp(t *testing.T) {
	for _, others := range []int{1, 2, 5} {
		t.Run(fmt.Sprintf("%d other nodes", others), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, others, mem.Path{Delay: time.Millisecond})
				var mu sync.Mutex
				told := make(map[int]Contest)
				notice := func(n int) func(Contest) {
					return func(c Contest) {
						mu.Lock()
						defer mu.Unlock()
						if _, twice := told[n]; twice {
							t.Errorf("node %d is told again", n)
						}
						told[n] = c
					}
				}
				first := w.net.Node([32]byte{0x80, 1})
				copied := w.net.Copy(first)
				original := w.startAt(first, notice(0), "mem://0")
				attach(t, original, "service", echoing)
				w.settle()
				for i := range 50 { // the others have heard more of it than of its copy
					attach(t, original, fmt.Sprint("service ", i), echoing)
					time.Sleep(100 * time.Millisecond)
				}
				second := w.startAt(copied, notice(1), "mem://0")
				attach(t, second, "other", echoing)
				time.Sleep(time.Minute)
				synctest.Wait()
				mu.Lock()
				t.Logf("told: %+v", told)
				if len(told) != 2 {
					t.Errorf("told: %+v, want both", told)
				}
				mu.Unlock()
				for i, old := range []*Overlay{original, second} {
					old.Close()
					n := w.startAlone("mem://0")
					attach(t, n, []string{"service", "other"}[i], echoing)
				}
				time.Sleep(10 * time.Second)
				synctest.Wait()
				if got := w.nodes[0].net.Others(); got != others+1 {
					t.Errorf("a node knows %d others, want %d", got, others+1)
				}
				caller := attach(t, w.nodes[0], "")
				for _, cluster := range []string{"service", "other"} {
					caller.ask(1, cluster, cluster, time.Second)
					time.Sleep(100 * time.Millisecond)
					caller.saw("1: reply " + cluster)
				}
			})
		})
	}
}
