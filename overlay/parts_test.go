package overlay

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/project-iris/iris/transport/budget"
	"github.com/project-iris/iris/transport/mem"
)

// keeping makes a service answer the requests of honest callers at once, and keep all others.
func keeping(a *app) {
	a.serve = func(id uint64, body []byte, _ time.Duration) error {
		if string(body) == "honest" {
			a.Reply(id, true, body)
		}
		return nil
	}
}

// hands returns how many requests a member has in hand.
func (a *app) hands() int { return a.Usage().Served }

// answerAll answers what a service has kept.
func (a *app) answerAll() {
	a.mu.Lock()
	kept := a.requests
	a.requests = nil
	a.mu.Unlock()
	for _, id := range kept {
		a.Reply(id, true, nil)
	}
}

// One application of the node that asks all that it can leaves room for another one, and its
// own requests wait until it has fewer with the service. Each has its reply in the end.
func TestOneCallerDoesNotTakeAllOfAMember(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := New(Config{OpenRequests: 100})
		service, greedy, honest := attach(t, o, "service", keeping), attach(t, o, ""), attach(t, o, "")
		for i := range uint64(100) {
			greedy.ask(i, "service", "greedy", time.Hour)
		}
		in, waiting := service.hands(), o.lookup.Stats().Held
		if in != 67 || waiting != 33 {
			t.Fatalf("the service has %d requests of the greedy one, %d wait", in, waiting)
		}
		if met := o.Stats().PartsMet; met != 33 || len(greedy.limits) != 33 || !errors.Is(greedy.limits[0], budget.ErrPart) {
			t.Errorf("%d are counted, it was told %v", met, greedy.limits)
		}
		honest.ask(7, "service", "honest", time.Second)
		honest.saw("7: reply honest")
		service.answer(0, true, "")
		if in := service.hands(); in != 67 {
			t.Errorf("the service has %d requests when it has answered one", in)
		}
		another := attach(t, o, "service", keeping)
		if waiting := o.lookup.Stats().Held; waiting != 0 {
			t.Errorf("%d requests wait beside a new member", waiting)
		}
		service.Close()
		greedy.Close()
		another.count()
		honest.ask(8, "service", "honest", time.Second)
		honest.saw("8: reply honest")
		another.saw("request honest")
		o.Close()
		checkEmpty(t, o)
	})
}

// What waits as its owner has its part ends with its deadline, and goes on when the requests of
// its owner end by theirs.
func TestWhoHasItsPartWaitsUntilItHasFewer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := New(Config{OpenRequests: 100})
		service, greedy := attach(t, o, "service", keeping), attach(t, o, "")
		for i := range uint64(67) {
			greedy.ask(i, "service", "greedy", time.Second)
		}
		for i := range uint64(33) {
			greedy.ask(67+i, "service", "honest", 2*time.Second)
		}
		time.Sleep(time.Second + time.Millisecond)
		synctest.Wait()
		if counts := greedy.count(); counts["timed out"] != 67 || counts["reply"] != 33 || service.hands() != 0 {
			t.Errorf("the requests of the greedy one got %v, %d are in hand", counts, service.hands())
		}
		o.Close()
		checkEmpty(t, o)
	})
}

// One application asks a service of another node all that it can: applications beside it, on the
// node of the service and on a third one are served.
func TestOneCallerDoesNotTakeAllOfAMemberElsewhere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 3, mem.Path{Delay: time.Millisecond})
		service := attach(t, w.nodes[1], "service", keeping)
		time.Sleep(100 * time.Millisecond)
		greedy := attach(t, w.nodes[0], "")
		const asked = 50_000
		for i := range uint64(asked) {
			greedy.ask(i, "service", "greedy", time.Hour)
		}
		time.Sleep(2 * time.Second)
		synctest.Wait()
		if in := service.hands(); in != 1<<14 {
			t.Errorf("the service has %d requests of the greedy one", in)
		}
		for i, o := range w.nodes {
			honest := attach(t, o, "")
			for j := range uint64(10) {
				honest.ask(j, "service", "honest", 100*time.Millisecond)
				time.Sleep(100 * time.Millisecond)
				synctest.Wait()
				honest.saw(fmt.Sprintf("%d: reply honest", j))
			}
			honest.Close()
			if t.Failed() {
				t.Fatalf("beside the greedy one, node %d is not served", i)
			}
		}
		replies := 0
		for range 20 {
			service.answerAll()
			time.Sleep(time.Second)
			synctest.Wait()
			if replies += greedy.count()["reply"]; replies == asked {
				return
			}
		}
		t.Errorf("the greedy one has %v of %d", replies, asked)
	})
}

// All applications of two nodes together do not take all of a member.
func TestOneNodeDoesNotTakeAllOfAMember(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorldOf(t, 3, Config{OpenRequests: 100}, mem.Path{Delay: time.Millisecond})
		service := attach(t, w.nodes[1], "service", keeping)
		time.Sleep(100 * time.Millisecond)
		for range 3 {
			greedy := attach(t, w.nodes[0], "")
			for i := range uint64(100) {
				greedy.ask(i, "service", "greedy", time.Hour)
			}
		}
		time.Sleep(2 * time.Second)
		synctest.Wait()
		if in := service.hands(); in != 67 {
			t.Errorf("the service has %d requests of one node", in)
		}
		if w.nodes[1].Stats().PartsMet == 0 {
			t.Error("nothing is counted")
		}
		for _, o := range w.nodes[1:] {
			honest := attach(t, o, "")
			honest.ask(1, "service", "honest", time.Second)
			time.Sleep(100 * time.Millisecond)
			synctest.Wait()
			honest.saw("1: reply honest")
		}
	})
}

// One application, or one node, that opens tunnels which the service does not confirm leaves
// some for others.
func TestOneCallerDoesNotTakeAllTunnelsOfAMember(t *testing.T) {
	for from := range 2 {
		t.Run(fmt.Sprintf("from node %d", from), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorldOf(t, 3, Config{Tunnels: 100}, mem.Path{Delay: time.Millisecond})
				waiting := make(chan struct{}, 100)
				attach(t, w.nodes[1], "service", func(a *app) {
					a.take = func(ctx context.Context, _ Stream) error {
						waiting <- struct{}{}
						defer func() { <-waiting }()
						<-ctx.Done()
						return ctx.Err()
					}
				})
				time.Sleep(100 * time.Millisecond)
				greedy := attach(t, w.nodes[from], "")
				ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
				defer cancel()
				for range 100 {
					go func() { _, _ = greedy.Tunnel(ctx, []byte("service")) }()
				}
				time.Sleep(time.Second)
				synctest.Wait()
				if n := len(waiting); n != 67 {
					t.Errorf("%d tunnels of one are offered", n)
				}
				for i, o := range []*Overlay{w.nodes[1], w.nodes[2]} {
					go func() { _, _ = attach(t, o, "").Tunnel(ctx, []byte("service")) }()
					time.Sleep(time.Second)
					synctest.Wait()
					if n := len(waiting); n != 68+i {
						t.Errorf("%d tunnels are offered with one of another one", n)
					}
				}
				time.Sleep(time.Minute)
				synctest.Wait()
				for _, m := range w.nodes[1].members.All() {
					if used := m.Usage().Tunnels; used != 0 {
						t.Errorf("%d tunnels are left", used)
					}
				}
			})
		})
	}
}
