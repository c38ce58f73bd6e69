package overlay

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/project-iris/iris/transport/mem"
)

// load is requests that keep coming while something happens to those who serve them.
type load struct {
	w       *world
	callers []*app
	asking  sync.WaitGroup
	gaps    gaps
}

const (
	loadRequests = 400
	loadTimeout  = 5 * time.Second
	// loadPause is between two requests of a caller, and workTime what each takes: so
	// that some are always under way.
	loadPause = 10 * time.Millisecond
	workTime  = 20 * time.Millisecond
)

// working makes an application answer each request after the time that work takes.
func working(a *app) {
	attached := make(chan struct{})
	a.attached = attached
	a.serve = func(id uint64, body []byte, _ time.Duration) error {
		reply := append([]byte(nil), body...)
		time.AfterFunc(workTime, func() {
			<-attached
			a.Reply(id, true, reply)
		})
		return nil
	}
}

// newLoad begins to ask a cluster from some nodes, loadRequests in all.
func (w *world) newLoad(cluster string, nodes ...int) *load {
	l := &load{w: w}
	for _, node := range nodes {
		caller := attach(w.t, w.nodes[node], "", l.gaps.watch)
		l.callers = append(l.callers, caller)
		l.asking.Go(func() {
			for i := range loadRequests / len(nodes) {
				caller.ask(uint64(i), cluster, fmt.Sprintf("%d/%d", node, i), loadTimeout)
				time.Sleep(loadPause)
			}
		})
	}
	return l
}

// finish waits until all is asked and answered, and counts the answers.
func (l *load) finish() map[string]int {
	l.asking.Wait()
	l.gaps.end()
	time.Sleep(2 * loadTimeout)
	synctest.Wait()
	counts := make(map[string]int)
	for _, c := range l.callers {
		for kind, n := range c.count() {
			counts[kind] += n
		}
	}
	return counts
}

// expectReplies checks that each request got its reply.
func (l *load) expectReplies() {
	l.w.t.Helper()
	if counts := l.finish(); counts["reply"] != loadRequests || len(counts) != 1 {
		l.w.t.Errorf("%d requests got %v, want a reply each", loadRequests, counts)
	}
	l.w.idle()
}

// Members leave and nodes drain while requests come: each gets its reply.
func TestNothingIsLostInGoodOrder(t *testing.T) {
	for _, row := range []struct {
		name string
		end  func(w *world, services []*app)
	}{
		{"a member leaves", func(w *world, services []*app) {
			if err := services[1].Leave(w.t.Context()); err != nil {
				w.t.Errorf("leave: %v", err)
			}
			services[1].Close()
		}},
		{"the only member of a node leaves, and comes back", func(w *world, services []*app) {
			for range 10 {
				if err := services[2].Leave(w.t.Context()); err != nil {
					w.t.Errorf("leave: %v", err)
				}
				services[2].Close()
				services[2] = attach(w.t, w.nodes[2], "service", working)
				time.Sleep(50 * time.Millisecond)
			}
		}},
		{"a node drains", func(w *world, _ []*app) { w.drain(2) }},
		{"two nodes drain", func(w *world, _ []*app) {
			var both sync.WaitGroup
			both.Go(func() { w.drain(1) })
			both.Go(func() { w.drain(2) })
			both.Wait()
		}},
		{"a member joins", func(w *world, _ []*app) { attach(w.t, w.nodes[0], "service", working) }},
	} {
		for _, delay := range []time.Duration{time.Millisecond, 50 * time.Millisecond} {
			t.Run(fmt.Sprintf("%s, links take %v", row.name, delay), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					w := newWorld(t, 4, mem.Path{Delay: delay})
					services := []*app{
						attach(t, w.nodes[1], "service", working), attach(t, w.nodes[1], "service", working),
						attach(t, w.nodes[2], "service", working), attach(t, w.nodes[3], "service", working),
					}
					time.Sleep(time.Second)
					l := w.newLoad("service", 0, 3)
					time.Sleep(500 * time.Millisecond)
					row.end(w, services)
					l.expectReplies()
				})
			})
		}
	}
}

// drain ends a node in good order.
func (w *world) drain(i int) {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.t.Context(), 10*time.Second)
	defer cancel()
	if err := w.nodes[i].Drain(ctx); err != nil {
		w.t.Errorf("drain: %v", err)
	}
	w.nodes[i].Close()
	w.ends[i].Close()
}

// The callers of a node that drains have the answers to what they asked before.
func TestCallersOfANodeThatDrainsGetTheirAnswers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 3, mem.Path{Delay: 20 * time.Millisecond})
		attach(t, w.nodes[1], "service", working)
		attach(t, w.nodes[2], "service", working)
		time.Sleep(time.Second)
		caller := attach(t, w.nodes[2], "")
		const requests = 100
		for id := range uint64(requests) {
			caller.ask(id, "service", "hello", loadTimeout)
		}
		time.Sleep(10 * time.Millisecond) // on their way
		w.drain(2)
		if counts := caller.count(); counts["reply"] != requests {
			t.Errorf("%d requests got %v", requests, counts)
		}
	})
}

// When a node is killed, what it had is lost: it gets a fault, or times out. Nothing
// else is.
func TestAKilledNodeTakesOnlyItsOwnAlong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 4, mem.Path{Delay: time.Millisecond})
		attach(t, w.nodes[1], "service", working)
		attach(t, w.nodes[2], "service", working)
		attach(t, w.nodes[3], "service", working)
		time.Sleep(time.Second)
		l := w.newLoad("service", 0, 3)
		time.Sleep(500 * time.Millisecond)
		w.ends[2].Kill()
		counts := l.finish()
		lost := counts["fault "+FaultMemberLost] + counts["timed out"]
		if counts["reply"]+lost != loadRequests || counts["reply"] == loadRequests {
			t.Errorf("%d requests got %v", loadRequests, counts)
		}
		if lost > loadRequests/10 {
			t.Errorf("%d of %d requests are lost with one of three nodes", lost, loadRequests)
		}
		t.Logf("%d requests: %v; the longest time without an answer was %v", loadRequests, counts, l.gaps.longest)
		if l.gaps.longest > time.Second {
			t.Errorf("nobody got an answer for %v", l.gaps.longest)
		}
		for _, i := range []int{0, 1, 3} {
			if n := w.nodes[i].net.Others() + 1; n != 3 {
				t.Errorf("node %d sees %d nodes, want 3", i, n)
			}
			checkIdle(t, w.nodes[i])
		}
	})
}

// gaps measures the longest time without an answer while requests come.
type gaps struct {
	mu      sync.Mutex
	last    time.Time
	longest time.Duration
	over    bool
}

// watch makes an application note when an answer comes.
func (g *gaps) watch(a *app) { a.delay = g.note }

func (g *gaps) note() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if !g.last.IsZero() && !g.over {
		g.longest = max(g.longest, time.Since(g.last))
	}
	g.last = time.Now()
}

// end ends the measurement.
func (g *gaps) end() {
	g.note()
	g.mu.Lock()
	defer g.mu.Unlock()
	g.over = true
}
