package overlay

import (
	"bytes"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/project-iris/iris/overlay/session"
	"github.com/project-iris/iris/transport/mem"
)

// A node that reads nothing slows those down who send to it, and nobody else, and what
// waits for it is bounded.
func TestANodeThatReadsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 3, mem.Path{Delay: time.Millisecond})
		release := make(chan struct{})
		stuck := w.there(1, "", func(a *app) { a.event = func(_, _ []byte) { <-release } })
		stuck.subscribe("stuck")
		var fine atomic.Int64
		good := w.there(0, "service", echoing, func(a *app) { a.event = func(_, _ []byte) { fine.Add(1) } })
		good.subscribe("fine")
		w.pass()

		const size, events = 64 << 10, 200
		var sent atomic.Int64
		event := bytes.Repeat([]byte("x"), size)
		for range 2 * session.EventLanes { // for all lanes
			sender := w.here("")
			go func() {
				for range events {
					sender.Publish([]byte("stuck"), event)
					sent.Add(1)
				}
			}()
		}
		time.Sleep(500 * time.Millisecond)
		synctest.Wait()
		if n := sent.Load(); n == 2*session.EventLanes*events {
			t.Error("nobody was slowed down")
		}
		o := w.nodes[0]
		r := o.links.Get(w.ends[2].ID())
		_, waiting := r.Queued()
		if waiting < session.LaneLimit || waiting > session.EventLanes*(session.LaneLimit+2*size) {
			t.Errorf("%d bytes wait", waiting)
		}

		other := w.here("")
		begin := time.Now()
		for range events {
			other.Publish([]byte("fine"), event)
		}
		if took := time.Since(begin); took > time.Second {
			t.Errorf("others took %v", took)
		}
		other.ask(1, "service", "hello", time.Second)
		time.Sleep(500 * time.Millisecond)
		synctest.Wait()
		if n := fine.Load(); n != events {
			t.Errorf("%d of %d events of others came", n, events)
		}
		other.saw("1: reply hello")

		close(release)
		time.Sleep(20 * time.Second)
		synctest.Wait()
		if n := sent.Load(); n != 2*session.EventLanes*events {
			t.Errorf("%d of %d events were sent at last", n, 2*session.EventLanes*events)
		}
		other.publish("stuck", "again")
		w.pass()
		stuck.mu.Lock()
		last := stuck.seen[len(stuck.seen)-1]
		stuck.mu.Unlock()
		if last != "event stuck: again" {
			t.Error("the node that read nothing is not used again")
		}
		w.idle()
	})
}
