package overlay

import (
	"fmt"
	"runtime"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/project-iris/iris/transport/mem"
)

// A network whose round trip takes 400 ms and that loses every twentieth datagram works,
// and nothing in it grows.
func TestANetworkThatIsFarAndLossy(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &world{t: t, net: mem.NewNetwork(mem.Config{Versions: Versions(), Path: mem.Path{Delay: 200 * time.Millisecond, Loss: 0.05}})}
		t.Cleanup(w.close)
		for range 3 {
			w.start()
		}
		time.Sleep(30 * time.Second)
		caller := w.here("")
		a, b := w.there(0, "service", echoing), w.there(1, "service", echoing)
		a.subscribe("news")
		b.subscribe("news")
		time.Sleep(2 * time.Second)
		var want []string
		goroutines := 0
		const rounds = 120
		alone, lost := 0, 0
		for i := range rounds {
			caller.ask(uint64(i), "service", "hello", 5*time.Second)
			caller.publish("news", fmt.Sprint(i))
			want = append(want, fmt.Sprint("event news: ", i))
			time.Sleep(time.Second)
			for _, o := range w.nodes {
				if o.net.Others()+1 != 3 {
					alone++
				}
			}
			synctest.Wait()
			if i == rounds/2 {
				goroutines = runtime.NumGoroutine()
			}
		}
		time.Sleep(5 * time.Second)
		synctest.Wait()
		counts := caller.count()
		if counts["reply"] != rounds {
			t.Errorf("%d requests got %v", rounds, counts)
		}
		for _, s := range []*app{a, b} {
			s.mu.Lock()
			events := slices.DeleteFunc(s.seen, func(line string) bool { return line == "request hello" })
			s.mu.Unlock()
			lost += rounds - len(events)
			if !slices.Equal(events, want) {
				t.Errorf("of %d events %d came, or not in order", rounds, len(events))
			}
		}
		if n := runtime.NumGoroutine(); n > goroutines+10 {
			t.Errorf("there were %d goroutines, now %d", goroutines, n)
		}
		t.Logf("in %d looks at a node's list, %d were not complete; %d events were lost", 3*rounds, alone, lost)
		w.idle()
	})
}
