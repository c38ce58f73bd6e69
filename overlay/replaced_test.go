package overlay

import (
	"slices"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/project-iris/iris/transport/mem"
)

// When a link is lost and another takes its place, what still comes over the old one is
// delivered before what comes over the new one, to a subscriber that is slow.
func TestOrderAcrossAReplacedLink(t *testing.T) {
	for seed := range 10 {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t, 2, mem.Path{Delay: time.Millisecond})
			var mu sync.Mutex
			var got []int
			slow := 40 + seed
			attach(t, w.nodes[1], "", func(a *app) {
				a.event = func(_, event []byte) {
					n, err := strconv.Atoi(string(event))
					if err != nil {
						t.Error(err)
					}
					if n == slow {
						time.Sleep(5 * time.Second) // the link is replaced meanwhile
					}
					mu.Lock()
					got = append(got, n)
					mu.Unlock()
				}
			}).subscribe("news")
			time.Sleep(100 * time.Millisecond)
			sender := attach(t, w.nodes[0], "")
			cut := w.nodes[seed%2].links.Get(w.ends[1-seed%2].ID())
			for i := range 300 {
				sender.publish("news", strconv.Itoa(i))
				if i == slow+10 {
					_ = cut.Peer().Link().Close(nil)
				}
				time.Sleep(10 * time.Millisecond)
			}
			time.Sleep(20 * time.Second)
			mu.Lock()
			defer mu.Unlock()
			if !slices.IsSorted(got) || len(slices.Compact(slices.Clone(got))) != len(got) {
				t.Errorf("events came as %v", got)
			}
			if len(got) < 50 || got[len(got)-1] != 299 {
				t.Errorf("seed %d: %d events came, the last was %d; %+v", seed, len(got), got[len(got)-1], w.nodes[0].Stats())
			}
		})
	}
}
