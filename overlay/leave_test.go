package overlay

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// background runs f and returns a function that reports whether it has returned,
// and with what.
func background(f func() error) (done func() (bool, error)) {
	var mu sync.Mutex
	var returned bool
	var result error
	go func() {
		err := f()
		mu.Lock()
		defer mu.Unlock()
		returned, result = true, err
	}()
	return func() (bool, error) {
		synctest.Wait()
		mu.Lock()
		defer mu.Unlock()
		return returned, result
	}
}

// checkReturned checks that what runs in the background has returned, and how.
func checkReturned(t *testing.T, done func() (bool, error), want error) {
	t.Helper()
	if returned, err := done(); !returned || !errors.Is(err, want) {
		t.Errorf("returned: %t, with %v; want %v", returned, err, want)
	}
}

// checkRunning checks that what runs in the background does so still.
func checkRunning(t *testing.T, done func() (bool, error)) {
	t.Helper()
	if returned, err := done(); returned {
		t.Errorf("returned too early, with %v", err)
	}
}

// Rule 27: out of the cluster first, then what it holds is answered.
func TestLeavingFinishesWhatIsInHand(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := New(Config{})
		caller := attach(t, o, "")
		leaver := attach(t, o, "service")
		caller.ask(1, "service", "a", time.Minute)
		near := caller.open("service")
		leaver.saw("request a", "tunnel")

		first := background(func() error { return leaver.Leave(t.Context()) })
		second := background(func() error { return leaver.Leave(t.Context()) })
		checkRunning(t, first)
		caller.ask(2, "service", "b", time.Minute) // waits for the next member
		caller.broadcast("service", "hello")
		leaver.saw()

		leaver.answer(0, true, "done")
		caller.saw("1: reply done")
		checkRunning(t, first)
		near.Close()
		checkReturned(t, first, nil)
		checkReturned(t, second, nil)

		attach(t, o, "service").saw("request b")
		leaver.Close()
		leaver.saw()
		o.Close()
		checkEmpty(t, o)
	})
}

func TestLeavingWithoutAnythingInHand(t *testing.T) {
	o := New(Config{})
	defer o.Close()
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	for _, cluster := range []string{"service", ""} {
		if err := attach(t, o, cluster).Leave(ended); err != nil {
			t.Errorf("Leave = %v", err)
		}
	}
}

func TestLeavingEndsWithTheRequestsDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := New(Config{})
		defer o.Close()
		caller, leaver := attach(t, o, ""), attach(t, o, "service")
		caller.ask(1, "service", "", time.Second)
		start := time.Now()
		if err := leaver.Leave(t.Context()); err != nil || time.Since(start) != time.Second {
			t.Errorf("Leave = %v after %v", err, time.Since(start))
		}
	})
}

func TestLeavingEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := New(Config{})
		defer o.Close()
		caller, leaver := attach(t, o, ""), attach(t, o, "service")
		caller.ask(1, "service", "", time.Minute)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := leaver.Leave(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Leave = %v", err)
		}
		leaver.answer(0, true, "still counts")
		caller.saw("1: reply still counts")
	})
}

// The caller has its answer when a member has nothing in hand any more: who waits
// for that may end the node.
func TestTheAnswerIsDeliveredBeforeLeaveReturns(t *testing.T) {
	ends := map[string]struct {
		end  func(service *app)
		want string
	}{
		"a reply": {func(s *app) { s.answer(0, true, "done") }, "1: reply done"},
		"a close": {func(s *app) { s.Close() }, "1: fault member lost"},
	}
	for name, row := range ends {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				o := New(Config{})
				slow := func() { time.Sleep(time.Second) }
				caller := attach(t, o, "", func(a *app) { a.delay = slow })
				service := attach(t, o, "service")
				caller.ask(1, "service", "", time.Minute)
				drained := background(func() error { return o.Drain(t.Context()) })
				go row.end(service)
				checkRunning(t, drained)
				time.Sleep(time.Second)
				checkReturned(t, drained, nil)
				caller.saw(row.want)
				o.Close()
				checkEmpty(t, o)
			})
		})
	}
}

func TestDrainEndsTheWorkInGoodOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := New(Config{})
		caller := attach(t, o, "")
		service, other := attach(t, o, "service"), attach(t, o, "service")
		caller.ask(1, "service", "a", time.Minute)
		caller.ask(2, "service", "b", time.Minute)
		caller.ask(3, "nobody", "c", time.Minute)
		near := caller.open("service")
		service.saw("request a", "tunnel")
		other.saw("request b")

		drained := background(func() error { return o.Drain(t.Context()) })
		again := background(func() error { return o.Drain(t.Context()) })
		checkRunning(t, drained)
		caller.saw("3: fault node is stopping")
		caller.ask(4, "service", "d", time.Minute)
		caller.ask(5, "nobody", "e", time.Minute)
		caller.ask(6, "service", "f", 0)
		caller.saw("4: fault node is stopping", "5: fault node is stopping", "6: timed out")
		if _, err := caller.Tunnel(t.Context(), []byte("service")); !errors.Is(err, ErrDraining) {
			t.Errorf("a new tunnel: %v", err)
		}
		if _, err := o.Attach([]byte("service"), service); !errors.Is(err, ErrDraining) {
			t.Errorf("attach: %v", err)
		}

		service.answer(0, true, "A")
		other.answer(0, false, "B")
		caller.saw("1: reply A", "2: fault B")
		checkRunning(t, drained)
		near.Close()
		checkReturned(t, drained, nil)
		checkReturned(t, again, nil)
		service.saw()
		other.saw()
		checkIdle(t, o)
		o.Close()
		checkEmpty(t, o)
	})
}

func TestDrainEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := New(Config{})
		caller, service := attach(t, o, ""), attach(t, o, "service")
		caller.ask(1, "service", "", time.Hour)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		start := time.Now()
		if err := o.Drain(ctx); !errors.Is(err, context.DeadlineExceeded) || time.Since(start) != time.Second {
			t.Errorf("Drain = %v after %v", err, time.Since(start))
		}
		service.answer(0, true, "still counts")
		caller.saw("1: reply still counts")
		o.Close()
		checkEmpty(t, o)
	})
}

func TestDrainWithoutMembers(t *testing.T) {
	if err := New(Config{}).Drain(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestNothingIsDeliveredAfterClose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := New(Config{})
		caller, service := attach(t, o, ""), attach(t, o, "service")
		service.subscribe("news")
		caller.ask(1, "service", "", time.Second)
		caller.ask(2, "nobody", "", time.Second)
		service.ask(3, "service", "", time.Second)
		o.Close()
		caller.mu.Lock()
		caller.seen = nil // it may have heard of the service's end
		caller.mu.Unlock()
		service.saw("request ", "request ")

		o.Close()
		caller.Close()
		service.answer(0, true, "")
		for _, timeout := range []time.Duration{time.Second, 0} {
			caller.ask(4, "service", "", timeout)
			caller.ask(5, "nobody", "", timeout)
		}
		caller.broadcast("service", "hello")
		caller.publish("news", "hello")
		service.unsubscribe("news")
		if err := service.Subscribe([]byte("news")); !errors.Is(err, ErrClosed) {
			t.Errorf("subscribe: %v", err)
		}
		if _, err := caller.Tunnel(t.Context(), []byte("service")); !errors.Is(err, ErrClosed) {
			t.Errorf("tunnel: %v", err)
		}
		if _, err := o.Attach([]byte("service"), service); !errors.Is(err, ErrClosed) {
			t.Errorf("attach: %v", err)
		}
		if err := service.Leave(t.Context()); err != nil {
			t.Errorf("leave: %v", err)
		}
		if err := o.Drain(t.Context()); err != nil {
			t.Errorf("drain: %v", err)
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		caller.saw()
		service.saw()
		checkEmpty(t, o)
	})
}
