package overlay

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/project-iris/iris/overlay/peers"
	"github.com/project-iris/iris/overlay/wire"
	"github.com/project-iris/iris/transport"
	"github.com/project-iris/iris/transport/mem"
)

// hall is a service that takes as many requests as it has seats.
type hall struct {
	*app
	seats atomic.Int64
	asked atomic.Int64 // times
}

func openHall(attachTo func(options ...func(*app)) *app, seats int64) *hall {
	h := &hall{}
	h.seats.Store(seats)
	h.app = attachTo(func(a *app) {
		a.serve = func(uint64, []byte, time.Duration) error {
			h.asked.Add(1)
			if h.seats.Add(-1) < 0 {
				h.seats.Add(1)
				return errRefused
			}
			return nil
		}
	})
	return h
}

// add adds seats, and says so.
func (h *hall) add(seats int64) {
	h.seats.Add(seats)
	h.Resume()
}

// took returns what it has been asked since the last time, but not what it has refused.
func (h *hall) took(t *testing.T, want ...string) {
	t.Helper()
	synctest.Wait()
	h.mu.Lock()
	taken := h.seen[:0]
	for _, line := range h.seen {
		taken = append(taken, strings.TrimPrefix(line, "request "))
	}
	h.mu.Unlock()
	if fmt.Sprint(taken) != fmt.Sprint(want) {
		t.Errorf("the service was asked %q, want %q", taken, want)
	}
	h.mu.Lock()
	h.seen = nil
	h.mu.Unlock()
}

func hallOn(t *testing.T, o *Overlay, cluster string, seats int64) *hall {
	t.Helper()
	return openHall(func(options ...func(*app)) *app { return attach(t, o, cluster, options...) }, seats)
}

func TestRequestsWaitForRoomAndGoOnInOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := New(Config{})
		service := hallOn(t, o, "service", 0)
		callers := []*app{attach(t, o, ""), attach(t, o, "")}
		for i := range 6 {
			callers[i%2].ask(uint64(i), "service", fmt.Sprint(i), time.Minute-time.Duration(i)*time.Second)
		}
		service.took(t, "0")
		time.Sleep(10 * time.Second)
		service.took(t) // it is not asked before it has room
		service.add(2)
		service.took(t, "0", "1", "2")
		callers[0].ask(6, "service", "6", time.Minute) // behind the others
		service.add(3)
		service.took(t, "2", "3", "4", "5")
		service.add(3)
		service.took(t, "5", "6")
		service.Resume()
		service.took(t)
		callers[1].ask(7, "service", "7", time.Minute) // there is room
		service.took(t, "7")
		for _, c := range callers {
			if n, bytes := c.holds(); n != 0 || bytes != 0 {
				t.Errorf("%d requests of %d bytes are held", n, bytes)
			}
		}
		o.Close()
		checkEmpty(t, o)
	})
}

func TestARequestThatFindsNoRoomTimesOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := New(Config{})
		service, caller := hallOn(t, o, "service", 0), attach(t, o, "")
		caller.ask(1, "service", "late", time.Second)
		caller.ask(2, "service", "early", 10*time.Second)
		time.Sleep(time.Second - 1)
		synctest.Wait()
		caller.saw()
		time.Sleep(time.Nanosecond)
		synctest.Wait()
		caller.saw("1: timed out")
		service.add(5)
		service.took(t, "late", "early")
		caller.saw()
		checkHeld(t, caller, 0)
		o.Close()
	})
}

func checkHeld(t *testing.T, a *app, want int) {
	t.Helper()
	if _, bytes := a.holds(); bytes != want {
		t.Errorf("%d bytes are held, want %d", bytes, want)
	}
}

// What waits is bounded in bytes; what has more is told so, and what was there before
// keeps its place.
func TestWhatWaitsForRoomIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := New(Config{HeldBytes: 100})
		service, caller, other := hallOn(t, o, "service", 0), attach(t, o, ""), attach(t, o, "")
		body := strings.Repeat("x", 100-len("service"))
		caller.ask(1, "service", body, time.Minute)
		caller.ask(2, "service", "", time.Minute)
		caller.saw("2: fault overloaded")
		checkHeld(t, caller, 100)
		other.ask(3, "service", "other", time.Minute)
		other.saw()
		service.add(2)
		service.took(t, body, body, "other")
		checkHeld(t, caller, 0)
		o.Close()
	})
}

// A request that waits for one cluster holds up no other, nor another member.
func TestARequestThatWaitsForRoomHoldsUpNoOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := New(Config{})
		full, caller := hallOn(t, o, "full", 0), attach(t, o, "")
		free := hallOn(t, o, "free", 10)
		caller.ask(1, "full", "waits", time.Minute)
		caller.ask(2, "free", "goes", time.Minute)
		free.took(t, "goes")
		second := hallOn(t, o, "full", 10) // has joined with room
		second.took(t, "waits")
		caller.ask(3, "full", "too", time.Minute)
		second.took(t, "too")
		full.took(t, "waits")
		o.Close()
	})
}

// The member makes room after it has refused, and before the request waits for that.
func TestRoomThatComesBeforeTheRequestWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := New(Config{})
		var asked atomic.Int64
		attach(t, o, "service", func(a *app) {
			a.serve = func(uint64, []byte, time.Duration) error {
				if asked.Add(1) > 1 {
					return nil
				}
				made := make(chan struct{})
				go func() {
					a.Resume()
					close(made)
				}()
				<-made
				return errRefused
			}
		})
		attach(t, o, "").ask(1, "service", "hello", time.Minute)
		if n := asked.Load(); n != 2 {
			t.Errorf("the member was asked %d times, want twice", n)
		}
		o.Close()
	})
}

// Another node does not say that it has room: it is asked again after pauses, with more
// while it takes them.
func TestRequestsWaitForRoomOnAnotherNode(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorldOf(t, 2, Config{}, mem.Path{Delay: time.Millisecond})
		caller := w.here("")
		service := openHall(func(options ...func(*app)) *app { return w.there(0, "service", options...) }, 0)
		w.pass()
		const requests = 500
		for id := range uint64(requests) {
			caller.ask(id, "service", "hello", time.Minute)
		}
		time.Sleep(30 * time.Second)
		if n := service.asked.Load(); n != 1 {
			t.Errorf("the member was asked %d times, want once", n)
		}
		service.add(requests)
		time.Sleep(2*800*time.Millisecond + time.Second) // two pauses, and then twice as many after each
		if n := service.asked.Load(); n != requests+1 {
			t.Errorf("the member was asked %d times, want %d", n, requests+1)
		}
		for i := range requests {
			service.answer(i+1, true, "")
		}
		w.pass()
		if n := len(caller.seen); n != requests {
			t.Errorf("the caller saw %d answers, want %d", n, requests)
		}
		w.idle()
	})
}

// A node that goes on to refuse is sent little, however many requests wait.
func TestANodeWithoutRoomIsSentLittle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 2, mem.Path{Delay: time.Millisecond})
		var sent atomic.Int64
		in := intrude(w, func(in *intruder) {
			lane := sync.OnceValue(func() transport.Stream { return in.open(peers.KindLane) })
			in.heard = func(_ transport.Stream, m wire.Message) {
				if m, ok := m.(*wire.Request); ok {
					sent.Add(1)
					_ = write(lane(), &wire.Refusal{ID: m.ID, Reason: wire.ReasonOverloaded, Cluster: m.Cluster, Body: m.Body})
				}
			}
		})
		in.register("service")
		caller := w.here("")
		caller.ask(0, "service", "first", 30*time.Second)
		w.pass()
		for id := range uint64(1000) {
			caller.ask(1+id, "service", "hello", 30*time.Second)
		}
		time.Sleep(30 * time.Second)
		synctest.Wait()
		if n := sent.Load(); n > 50 {
			t.Errorf("the node was sent %d requests in 30 s", n)
		}
		if n := len(caller.seen); n != 1001 {
			t.Errorf("the caller saw %d answers, want 1001", n)
		}
	})
}

// An answer to a request that has waited lets others go on before the pause is over.
func TestAnAnswerFromAnotherNodeLetsOthersGoOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorldOf(t, 2, Config{}, mem.Path{Delay: time.Millisecond})
		caller := w.here("")
		w.there(0, "service", func(a *app) {
			var busy atomic.Bool
			busy.Store(true)
			time.AfterFunc(150*time.Millisecond, func() { busy.Store(false); a.Resume() })
			a.serve = func(id uint64, _ []byte, _ time.Duration) error {
				if busy.Load() {
					return errRefused
				}
				time.AfterFunc(time.Millisecond, func() { a.Reply(id, true, nil) })
				return nil
			}
		})
		w.pass()
		const requests = 60
		for id := range uint64(requests) {
			caller.ask(id, "service", "hello", time.Minute)
		}
		time.Sleep(200 * time.Millisecond) // the first pause, and ten round trips
		synctest.Wait()
		if n := len(caller.seen); n != requests {
			t.Errorf("%d of %d requests have their answers", n, requests)
		}
		w.idle()
	})
}

// What was tried and refused has its place back, though others took it meanwhile.
func TestARequestThatIsRefusedAgainKeepsItsPlace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := New(Config{HeldBytes: 100})
		caller := attach(t, o, "")
		other := strings.Repeat("y", 100-len("service"))
		asked := 0
		service := attach(t, o, "service", func(a *app) {
			a.serve = func(uint64, []byte, time.Duration) error {
				if asked++; asked == 2 {
					caller.ask(2, "service", other, time.Minute)
				}
				return errRefused
			}
		})
		caller.ask(1, "service", strings.Repeat("x", 100-len("service")), time.Minute)
		service.Resume()
		caller.saw()
		checkHeld(t, caller, 200)
		caller.ask(3, "service", "", time.Minute)
		caller.saw("3: fault overloaded")
		time.Sleep(time.Minute)
		synctest.Wait()
		slices.Sort(caller.seen)
		caller.saw("1: timed out", "2: timed out")
		checkHeld(t, caller, 0)
		o.Close()
	})
}

// A member that was full of requests in its hands has room when the deadline of one is over.
func TestADeadlineMakesRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := New(Config{OpenRequests: 2})
		service, caller, other := attach(t, o, "service"), attach(t, o, ""), attach(t, o, "")
		caller.ask(1, "service", "one", time.Second)
		caller.ask(2, "service", "two", time.Minute)
		other.ask(3, "service", "three", time.Minute)
		service.saw("request one", "request two")
		time.Sleep(time.Second)
		synctest.Wait()
		service.saw("request three")
		o.Close()
	})
}

// A member that has no room for requests may have it for a tunnel.
func TestAMemberWithoutRoomForRequestsIsOfferedTunnels(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorldOf(t, 2, Config{}, mem.Path{Delay: time.Millisecond})
		for i, o := range w.nodes {
			service, caller := hallOn(t, o, fmt.Sprint("service ", i), 0), w.here("")
			w.pass()
			caller.ask(1, fmt.Sprint("service ", i), "", time.Second)
			w.pass()
			caller.open(fmt.Sprint("service ", i)).Close()
			service.tunnel(0).Close()
			time.Sleep(time.Second)
		}
		w.idle()
	})
}
