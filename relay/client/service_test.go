package client

import (
	"context"
	"errors"
	"fmt"
	"math"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/project-iris/iris/relay/wire"
)

func TestServiceAnswers(t *testing.T) {
	for _, row := range []struct {
		name   string
		handle func(context.Context, []byte) ([]byte, error)
		want   wire.Reply
	}{
		{"reply", func(_ context.Context, b []byte) ([]byte, error) { return append(b, '!'), nil }, wire.Reply{OK: true, Body: []byte("ping!")}},
		{"empty reply", func(context.Context, []byte) ([]byte, error) { return nil, nil }, wire.Reply{OK: true}},
		{"error", func(context.Context, []byte) ([]byte, error) { return []byte("x"), errors.New("broken") }, wire.Reply{Body: []byte("broken")}},
		{"fault", func(context.Context, []byte) ([]byte, error) { return nil, &FaultError{"exact"} }, wire.Reply{Body: []byte("exact")}},
		{"empty fault", func(context.Context, []byte) ([]byte, error) { return nil, &FaultError{} }, wire.Reply{}},
		{"too large", func(context.Context, []byte) ([]byte, error) { return make([]byte, 101), nil }, wire.Reply{Body: []byte("reply of 101 bytes is too large")}},
		{"none", nil, wire.Reply{Body: []byte(faultUnserved)}},
	} {
		t.Run(row.name, func(t *testing.T) {
			_, relay := attached(t, Service{Request: row.handle}, Config{MaxMessage: 100})
			relay.send(&wire.Call{ID: 7, Body: []byte("ping"), Timeout: 1000})
			got := expect[*wire.Reply](relay)
			if got.ID != 7 || got.OK != row.want.OK || string(got.Body) != string(row.want.Body) {
				t.Errorf("answered %d %t %q, want %t %q", got.ID, got.OK, got.Body, row.want.OK, row.want.Body)
			}
		})
	}
}

func TestHandlerSeesTheDeadline(t *testing.T) {
	for _, row := range []struct {
		timeout uint64
		want    time.Duration // 0: none
	}{
		{1, time.Millisecond},
		{90_000, 90 * time.Second},
		{math.MaxInt64, 0},
		{math.MaxUint64, 0},
	} {
		synctest.Test(t, func(t *testing.T) {
			var left time.Duration
			_, relay := attached(t, Service{Request: func(ctx context.Context, _ []byte) ([]byte, error) {
				if deadline, ok := ctx.Deadline(); ok {
					left = time.Until(deadline)
					<-ctx.Done()
				}
				return nil, ctx.Err()
			}}, Config{})
			relay.send(&wire.Call{Timeout: row.timeout})
			expect[*wire.Reply](relay)
			if left != row.want {
				t.Errorf("timeout %d ms: %v left, want %v", row.timeout, left, row.want)
			}
		})
	}
}

// Handlers run concurrently up to the limit; then requests wait, as many bytes of
// them as may; then they are answered as overloaded.
func TestRequestsAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var running, most atomic.Int32
		release := make(chan struct{})
		c, relay := attached(t, Service{Request: func(context.Context, []byte) ([]byte, error) {
			most.Store(max(most.Load(), running.Add(1)))
			defer running.Add(-1)
			<-release
			return nil, nil
		}}, Config{Handlers: 3, ReceiveQueue: 2 * (100 + itemOverhead)})
		calls := make([]wire.Message, 7)
		for i := range calls {
			calls[i] = &wire.Call{ID: uint64(i), Body: make([]byte, 100), Timeout: 10_000}
		}
		// One at a time, so that three are with their handlers before the next waits.
		for _, m := range calls {
			relay.send(m)
			synctest.Wait()
		}
		for i := range 2 {
			got := expect[*wire.Reply](relay)
			if got.OK || string(got.Body) != FaultOverloaded || got.ID != uint64(5+i) {
				t.Errorf("answered %+v", got)
			}
		}
		close(release)
		seen := map[uint64]bool{}
		for range 5 {
			got := expect[*wire.Reply](relay)
			if !got.OK {
				t.Errorf("answered %+v", got)
			}
			seen[got.ID] = true
		}
		if len(seen) != 5 || most.Load() != 3 || c.Stats().OverloadedRequests != 2 {
			t.Errorf("%d answered, %d at a time, stats %+v", len(seen), most.Load(), c.Stats())
		}
	})
}

func TestARequestThatWaitedTooLongIsNotHandled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var handled atomic.Int32
		c, relay := attached(t, Service{Request: func(context.Context, []byte) ([]byte, error) {
			handled.Add(1)
			time.Sleep(2 * time.Second)
			return nil, nil
		}}, Config{Handlers: 1})
		relay.send(&wire.Call{ID: 1, Timeout: 5000}, &wire.Call{ID: 2, Timeout: 1000})
		if got := expect[*wire.Reply](relay); got.ID != 1 || !got.OK {
			t.Errorf("answered %+v", got)
		}
		if got := expect[*wire.Reply](relay); got.ID != 2 || got.OK || string(got.Body) != FaultOverloaded {
			t.Errorf("answered %+v", got)
		}
		if handled.Load() != 1 || c.Stats().OverloadedRequests != 1 {
			t.Errorf("%d handled, stats %+v", handled.Load(), c.Stats())
		}
	})
}

func TestHandlersLearnThatTheConnectionIsLost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cause := make(chan error, 1)
		c, relay := attached(t, Service{Request: func(ctx context.Context, _ []byte) ([]byte, error) {
			<-ctx.Done()
			cause <- context.Cause(ctx)
			return nil, nil
		}}, Config{Handlers: 1})
		relay.send(&wire.Call{ID: 1, Timeout: math.MaxInt64}, &wire.Call{ID: 2, Timeout: math.MaxInt64})
		synctest.Wait()
		_ = relay.link.Close()
		wantError(t, <-cause, ErrClosed)
		synctest.Wait()
		if len(cause) > 0 || c.Stats().OverloadedRequests > 0 {
			t.Error("a request was handled or refused after the connection was lost")
		}
		wantError(t, c.Close(), ErrClosed)
	})
}

// Broadcasts come one at a time and in order. A slow service loses those that find
// no room, and keeps nobody else waiting.
func TestBroadcasts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var got []string
		release := make(chan struct{})
		c, relay := attached(t, Service{Broadcast: func(m []byte) {
			<-release
			got = append(got, string(m))
		}}, Config{ReceiveQueue: 3 * (1 + itemOverhead)})
		for i := range 6 {
			relay.send(&wire.Delivery{Message: fmt.Append(nil, i)})
			synctest.Wait()
		}
		done := async(func() ([]byte, error) { return c.Request(t.Context(), "echo", nil) })
		relay.send(&wire.Result{ID: expect[*wire.Request](relay).ID, OK: true})
		if err := (<-done).err; err != nil {
			t.Error(err)
		}
		close(release)
		synctest.Wait()
		if fmt.Sprint(got) != "[0 1 2 3]" || c.Stats().DroppedBroadcasts != 2 {
			t.Errorf("got %v, stats %+v", got, c.Stats())
		}
	})
}

func TestBroadcastsWithoutAFunctionAreIgnored(t *testing.T) {
	c, relay := attached(t, Service{}, Config{})
	relay.send(&wire.Delivery{Message: []byte("x")})
	done := asyncError(func() error { return c.Broadcast(t.Context(), "all", []byte("hello")) })
	if m := expect[*wire.Broadcast](relay); string(m.Cluster) != "all" || string(m.Message) != "hello" {
		t.Errorf("sent %+v", m)
	}
	if err := <-done; err != nil || c.Stats() != (Stats{}) {
		t.Errorf("error %v, stats %+v", err, c.Stats())
	}
}
