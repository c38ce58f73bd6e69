package overlay

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/project-iris/iris/transport/mem"
)

// worker is a member that works on one request after the other.
type worker struct {
	*Member
	takes time.Duration // for each
	fault bool          // it answers with faults
	room  int           // requests that it holds; more are refused
	queue chan uint64
	done  atomic.Int64
	given atomic.Int64
}

// work attaches a worker. It stops with the overlay.
func work(t *testing.T, o *Overlay, takes time.Duration, options ...func(*worker)) *worker {
	t.Helper()
	w := &worker{takes: takes, queue: make(chan uint64, 1<<16), room: 1 << 16}
	for _, option := range options {
		option(w)
	}
	ready := make(chan struct{})
	go func() {
		<-ready
		for id := range w.queue {
			time.Sleep(w.takes)
			w.done.Add(1)
			w.Reply(id, !w.fault, nil)
			w.Resume()
		}
	}()
	m, err := o.Attach([]byte("service"), w)
	if err != nil {
		t.Fatal(err)
	}
	w.Member = m
	close(ready)
	t.Cleanup(func() {
		m.Close()
		close(w.queue)
	})
	return w
}

func (w *worker) HandleRequest(id uint64, _ []byte, _ time.Duration) error {
	w.given.Add(1)
	if len(w.queue) >= w.room {
		return errRefused
	}
	w.queue <- id
	return nil
}

func (w *worker) HandleBroadcast([]byte)                     {}
func (w *worker) HandleTunnel(context.Context, Stream) error { return errRefused }
func (w *worker) HandleEvent(_, _ []byte)                    {}
func (w *worker) HandleReply(uint64, []byte)                 {}
func (w *worker) HandleFault(uint64, []byte)                 {}
func (w *worker) HandleLimit(error)                          {}
func (w *worker) HandleTimeout(uint64)                       {}

// looper is an application that has so many requests open at any time.
type looper struct {
	*Member
	again           chan struct{}
	replies, faults atomic.Int64
}

// loop attaches one to a node, until stop is closed.
func loop(t *testing.T, o *Overlay, requests int, stop <-chan struct{}) *looper {
	t.Helper()
	l := &looper{again: make(chan struct{}, requests)}
	m, err := o.Attach(nil, l)
	if err != nil {
		t.Fatal(err)
	}
	l.Member = m
	for range requests {
		l.again <- struct{}{}
	}
	go func() {
		for id := uint64(0); ; id++ {
			select {
			case <-l.again:
				l.Request(id, []byte("service"), make([]byte, 100), 10*time.Second)
			case <-stop:
				return
			}
		}
	}()
	return l
}

func (l *looper) HandleRequest(uint64, []byte, time.Duration) error { return errRefused }
func (l *looper) HandleBroadcast([]byte)                            {}
func (l *looper) HandleTunnel(context.Context, Stream) error        { return errRefused }
func (l *looper) HandleEvent(_, _ []byte)                           {}
func (l *looper) HandleReply(uint64, []byte)                        { l.replies.Add(1); l.again <- struct{}{} }

func (l *looper) HandleFault(uint64, []byte) {
	l.faults.Add(1)
	// Whoever is told that all are overloaded comes back a little later.
	time.AfterFunc(time.Millisecond, func() { l.again <- struct{}{} })
}
func (l *looper) HandleLimit(error)    {}
func (l *looper) HandleTimeout(uint64) { l.faults.Add(1); l.again <- struct{}{} }

// spread is what came of a load on some workers.
type spread struct {
	replies, faults int64
	done, given     []int64 // by each worker
}

// press puts requests from some nodes on the workers of others for some time.
func press(w *world, from []int, requests int, workers []*worker, span time.Duration) spread {
	stop := make(chan struct{})
	var loops []*looper
	for _, i := range from {
		loops = append(loops, loop(w.t, w.nodes[i], requests/len(from), stop))
	}
	time.Sleep(span)
	close(stop)
	synctest.Wait()
	var s spread
	for _, l := range loops {
		s.replies += l.replies.Load()
		s.faults += l.faults.Load()
		l.Close()
	}
	for _, w := range workers {
		s.done = append(s.done, w.done.Load())
		s.given = append(s.given, w.given.Load())
	}
	return s
}

// One of four members that is ten times slower takes little from what the other three
// do, wherever the callers are: on nodes of their own, or beside the members.
func TestASlowNodeGetsLittle(t *testing.T) {
	for _, row := range []struct {
		name     string
		from     []int
		requests int
	}{
		{"one caller", []int{0}, 1},
		{"callers of one node", []int{0}, 24},
		{"callers of one node, few", []int{0}, 6},
		{"many callers", []int{0}, 100},
		{"callers beside the members", []int{1, 2, 3, 4}, 24},
		{"callers beside the slow member", []int{4}, 24},
	} {
		t.Run(row.name, func(t *testing.T) {
			measure := func(slow time.Duration) (s spread) {
				synctest.Test(t, func(t *testing.T) {
					w := newWorld(t, 5, mem.Path{Delay: 200 * time.Microsecond})
					var workers []*worker
					for i := range 3 {
						workers = append(workers, work(t, w.nodes[1+i], 10*time.Millisecond))
					}
					if slow > 0 {
						workers = append(workers, work(t, w.nodes[4], slow))
					}
					w.pass()
					s = press(w, row.from, row.requests, workers, 20*time.Second)
				})
				return s
			}
			three, four := measure(0), measure(100*time.Millisecond)
			t.Logf("three do %v, four %v", three, four)
			if float64(four.replies) < 0.85*float64(three.replies) {
				t.Errorf("four do %d, three do %d", four.replies, three.replies)
			}
			var sum int64
			for _, n := range four.done {
				sum += n
			}
			if slow := four.done[3]; float64(slow) > 0.1*float64(sum) {
				t.Errorf("the slow one has done %d of %d", slow, sum)
			}
			if four.faults != 0 {
				t.Errorf("%d requests have failed", four.faults)
			}
		})
	}
}

// Equal members get equal shares, those of the caller's own node included.
func TestEqualNodesGetEqualShares(t *testing.T) {
	for _, from := range []int{0, 1} {
		t.Run(fmt.Sprintf("from node %d", from), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, 5, mem.Path{Delay: 200 * time.Microsecond})
				var workers []*worker
				for i := range 4 {
					workers = append(workers, work(t, w.nodes[1+i], 10*time.Millisecond))
				}
				w.pass()
				s := press(w, []int{from}, 24, workers, 20*time.Second)
				t.Logf("%v", s)
				for i, n := range s.done {
					if n < 1500 || n > 2100 {
						t.Errorf("worker %d has done %d of %d", i, n, s.replies)
					}
				}
			})
		})
	}
}

// A node whose members refuse fast attracts nothing, and neither does one whose member
// answers with faults fast.
func TestANodeThatFailsFastAttractsNothing(t *testing.T) {
	t.Run("refusals", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t, 4, mem.Path{Delay: 200 * time.Microsecond})
			workers := []*worker{work(t, w.nodes[1], 10*time.Millisecond), work(t, w.nodes[2], 10*time.Millisecond)}
			workers = append(workers, work(t, w.nodes[3], 0, func(w *worker) { w.room = 0 }))
			w.pass()
			s := press(w, []int{0}, 12, workers, 20*time.Second)
			t.Logf("%v", s)
			if s.replies < 3400 || s.faults > 0 {
				t.Errorf("%d replies and %d faults, want about 4,000", s.replies, s.faults)
			}
			if s.given[2] > s.replies/10 {
				t.Errorf("who refuses all was asked %d times", s.given[2])
			}
		})
	})
	t.Run("faults", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t, 4, mem.Path{Delay: 200 * time.Microsecond})
			workers := []*worker{work(t, w.nodes[1], 10*time.Millisecond), work(t, w.nodes[2], 10*time.Millisecond)}
			workers = append(workers, work(t, w.nodes[3], 0, func(w *worker) { w.fault = true }))
			w.pass()
			s := press(w, []int{0}, 12, workers, 20*time.Second)
			t.Logf("%v", s)
			if s.replies < 3400 || s.faults > s.replies/10 {
				t.Errorf("%d replies and %d faults, want about 4,000 and few", s.replies, s.faults)
			}
		})
	})
}

// A node that is saturated says so at once, and the caller's node goes elsewhere.
func TestASaturatedNodeSendsRequestsElsewhere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 4, mem.Path{Delay: 200 * time.Microsecond})
		full := func(w *worker) { w.room = 2 }
		workers := []*worker{
			work(t, w.nodes[1], time.Second, full), work(t, w.nodes[2], time.Second, full),
			work(t, w.nodes[3], time.Millisecond, func(w *worker) { w.room = 100 }),
		}
		w.pass()
		s := press(w, []int{0}, 20, workers, 10*time.Second)
		t.Logf("%v", s)
		if s.faults > 0 {
			t.Errorf("%d requests have failed, though one member has room", s.faults)
		}
		if s.done[2] < 8000 {
			t.Errorf("the member with room has done %d, want close to 10,000", s.done[2])
		}
	})
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 6, mem.Path{Delay: time.Millisecond})
		for i := range 5 {
			work(t, w.nodes[1+i], 0, func(w *worker) { w.room = 0 })
		}
		w.pass()
		caller := w.here("")
		caller.ask(1, "service", "hello", time.Minute)
		time.Sleep(time.Minute - 1)
		synctest.Wait()
		caller.saw()
		time.Sleep(time.Nanosecond)
		synctest.Wait()
		caller.saw("1: timed out")
	})
}

// A node that is slow for one cluster is as good as any for another.
func TestANodeIsMeasuredForEachClusterByItself(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 3, mem.Path{Delay: 200 * time.Microsecond})
		workers := []*worker{work(t, w.nodes[1], 10*time.Millisecond), work(t, w.nodes[2], 10*time.Millisecond)}
		attach(t, w.nodes[1], "slow", func(a *app) {
			a.serve = func(id uint64, _ []byte, _ time.Duration) error {
				time.AfterFunc(time.Second, func() { a.Reply(id, true, nil) })
				return nil
			}
		})
		attach(t, w.nodes[2], "other", refusing)
		w.pass()
		caller := quiet(t, w.nodes[0], "", true)
		asking := make(chan struct{})
		go func() {
			defer close(asking)
			for id := range uint64(100) {
				for _, cluster := range []string{"slow", "other"} {
					caller.Request(id, []byte(cluster), nil, time.Minute)
				}
				time.Sleep(100 * time.Millisecond)
			}
		}()
		s := press(w, []int{0}, 8, workers, 10*time.Second)
		<-asking
		t.Logf("%v", s)
		if s.done[0] < 900 || s.done[1] < 900 {
			t.Errorf("the workers have done %d, want close to 1,000 each", s.done)
		}
	})
}

// With one member there is nothing to choose: a request is one packet there and one
// back, and takes a round trip.
func TestOneMemberIsAskedDirectly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const delay = time.Millisecond
		w := newWorld(t, 3, mem.Path{Delay: delay})
		quiet(t, w.nodes[1], "service", true)
		w.pass()
		caller := w.here("")
		caller.ask(1, "service", "hello", time.Second)
		w.pass()
		caller.saw("1: reply hello")
		bytes := func() uint64 { return w.link(0, 1).Stats().BytesSent + w.link(1, 0).Stats().BytesSent }
		datagrams := func() uint64 { return w.link(0, 1).Stats().DatagramsSent + w.link(1, 0).Stats().DatagramsSent }
		packets := func() uint64 {
			return w.link(0, 1).Stats().PacketsSent + w.link(1, 0).Stats().PacketsSent - datagrams()
		}
		before, bytesBefore := packets(), bytes()
		const requests = 20
		begin := time.Now()
		answered := make(chan struct{})
		caller.delay = func() { answered <- struct{}{} }
		for id := range uint64(requests) {
			caller.ask(id, "service", "hello", time.Second)
			<-answered
		}
		if took := time.Since(begin); took != requests*2*delay {
			t.Errorf("%d requests took %v, want a round trip each", requests, took)
		}
		// The lists of members may be compared meanwhile.
		if n := packets() - before; n < 2*requests || n > 2*requests+10 {
			t.Errorf("%d requests took %d packets, want two each", requests, n)
		}
		t.Logf("%d bytes for a request and its reply of 5 bytes, headers of the transport included", (bytes()-bytesBefore)/requests)
	})
}
