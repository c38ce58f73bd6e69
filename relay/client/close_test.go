package client

import (
	"context"
	"net"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/project-iris/iris/relay/wire"
)

// Rule 27 from the service's side: what it was given is answered after CLOSE, and
// only then does the node answer.
func TestCloseLetsHandlersFinish(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, relay := attached(t, Service{Request: func(ctx context.Context, body []byte) ([]byte, error) {
			time.Sleep(time.Second)
			return body, ctx.Err()
		}}, Config{Handlers: 1})
		relay.send(&wire.Call{ID: 1, Body: []byte("a"), Timeout: 9000})
		synctest.Wait()
		closed := asyncError(c.Close)
		expect[*wire.Close](relay)
		relay.send(&wire.Call{ID: 2, Body: []byte("b"), Timeout: 9000}) // crossed our CLOSE
		for i, want := range []string{"a", "b"} {
			if m := expect[*wire.Reply](relay); m.ID != uint64(i+1) || !m.OK || string(m.Body) != want {
				t.Errorf("answered %+v", m)
			}
		}
		select {
		case err := <-closed:
			t.Errorf("closed before the node answered: %v", err)
		default:
		}
		relay.send(&wire.Closed{})
		if err := <-closed; err != nil {
			t.Error(err)
		}
		<-c.Done()
		if err := c.Err(); err != ErrClosed {
			t.Errorf("ended by %v", err)
		}
	})
}

// What was sent before Close is in front of CLOSE, what had arrived is delivered,
// and what comes after Close fails.
func TestCloseLosesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var events, broadcasts atomic.Int32
		c, relay := attached(t, Service{Broadcast: func([]byte) {
			time.Sleep(time.Second)
			broadcasts.Add(1)
		}}, Config{})
		must(c.Subscribe(t.Context(), "t", func([]byte) {
			time.Sleep(time.Second)
			events.Add(1)
		}))
		expect[*wire.Subscribe](relay)
		event := &wire.Publish{Topic: []byte("t"), Event: []byte("e")}
		relay.send(event, event, event, &wire.Delivery{Message: []byte("x")}, &wire.Delivery{})
		pending := async(func() ([]byte, error) { return c.Request(t.Context(), "echo", nil) })
		expect[*wire.Request](relay)
		for range 10 {
			if err := c.Publish(t.Context(), "t", []byte("last words")); err != nil {
				t.Error(err)
			}
		}
		closed := asyncError(c.Close)
		synctest.Wait()
		wantError(t, c.Publish(t.Context(), "t", nil), ErrClosed)
		wantError(t, c.Broadcast(t.Context(), "t", nil), ErrClosed)
		for _, err := range []error{
			(<-async(func() ([]byte, error) { return c.Request(t.Context(), "t", nil) })).err,
			(<-async(func() (*Tunnel, error) { return c.Tunnel(t.Context(), "t") })).err,
			(<-async(func() (*Subscription, error) { return c.Subscribe(t.Context(), "u", func([]byte) {}) })).err,
		} {
			wantError(t, err, ErrClosed)
		}
		for range 10 {
			expect[*wire.Publish](relay)
		}
		relay.farewell()
		if err := <-closed; err != nil {
			t.Error(err)
		}
		wantError(t, (<-pending).err, ErrClosed)
		if events.Load() != 3 || broadcasts.Load() != 2 {
			t.Errorf("%d events, %d broadcasts", events.Load(), broadcasts.Load())
		}
	})
}

func TestCloseIsBounded(t *testing.T) {
	t.Run("by a silent node", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			c, relay := attached(t, Service{}, Config{CloseTimeout: time.Second})
			go relay.discard()
			start := time.Now()
			wantError(t, c.Close(), ErrClosed, ErrTimeout)
			if took := time.Since(start); took != time.Second {
				t.Errorf("took %v", took)
			}
		})
	})
	t.Run("by a node that does not read", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			c, _ := attached(t, Service{}, Config{CloseTimeout: time.Second})
			wantError(t, c.Close(), ErrClosed, ErrTimeout)
		})
	})
	t.Run("by a handler that waits for its context", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			c, relay := attached(t, Service{Request: func(ctx context.Context, _ []byte) ([]byte, error) {
				<-ctx.Done()
				return nil, nil
			}}, Config{CloseTimeout: time.Second})
			relay.send(&wire.Call{Timeout: 1 << 40})
			synctest.Wait()
			go relay.discard()
			wantError(t, c.Close(), ErrClosed, ErrTimeout)
		})
	})
	t.Run("by callbacks", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			release := make(chan struct{})
			defer close(release)
			var calls atomic.Int32
			hang := func([]byte) {
				calls.Add(1)
				<-release
			}
			c, relay := attached(t, Service{Broadcast: hang}, Config{CloseTimeout: time.Second})
			must(c.Subscribe(t.Context(), "t", hang))
			expect[*wire.Subscribe](relay)
			event := &wire.Publish{Topic: []byte("t")}
			relay.send(&wire.Delivery{}, &wire.Delivery{}, event, event)
			go relay.farewell()
			start := time.Now()
			err := c.Close()
			wantError(t, err, ErrTimeout)
			if !strings.Contains(err.Error(), "2 handlers or callbacks still run") {
				t.Errorf("error is %v", err)
			}
			if took := time.Since(start); took != 2*time.Second {
				t.Errorf("took %v", took)
			}
			release <- struct{}{}
			release <- struct{}{}
			synctest.Wait()
			if calls.Load() != 2 {
				t.Errorf("%d calls, some of them after Close", calls.Load())
			}
		})
	})
}

func TestCloseMayBeCalledByMany(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, relay := attached(t, Service{}, Config{})
		var closed [5]<-chan error
		for i := range closed {
			closed[i] = asyncError(c.Close)
		}
		expect[*wire.Close](relay)
		relay.silent()
		relay.send(&wire.Closed{})
		for _, done := range closed {
			if err := <-done; err != nil {
				t.Error(err)
			}
		}
	})
}

func TestTheNodeMayClose(t *testing.T) {
	for reason, want := range map[string]string{"": "closed by the node", "too slow": "closed by the node: too slow"} {
		c, relay := attached(t, Service{}, Config{})
		relay.send(&wire.Closed{Reason: []byte(reason)})
		<-c.Done()
		if err := c.Err(); err == nil || err.Error() != want {
			t.Errorf("ended by %v, want %q", err, want)
		}
		wantError(t, c.Close(), ErrClosed)
	}
}

// Over TCP: after Close not one goroutine of the package is left.
func TestCloseLeavesNoGoroutine(t *testing.T) {
	node := newEchoNode(t)
	for range 20 {
		c := must(Register(t.Context(), "echo", Service{
			Request: func(_ context.Context, b []byte) ([]byte, error) { return b, nil },
		}, Config{Address: node.address}))
		must(c.Subscribe(t.Context(), "t", func([]byte) {}))
		must(c.Request(t.Context(), "echo", []byte("x")))
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		_, _ = c.Request(ctx, "echo", []byte("x"))
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	}
	node.close()
	// A goroutine that has done its last work is still seen for a moment.
	var stacks string
	for range 1000 {
		buf := make([]byte, 1<<20)
		stacks = string(buf[:runtime.Stack(buf, true)])
		if !strings.Contains(stacks, "client.(*Conn)") && !strings.Contains(stacks, "outbox.(*Outbox)") {
			return
		}
		runtime.Gosched()
	}
	t.Errorf("goroutines are left:\n%s", stacks)
}

// echoNode is a relay over TCP that sends each request back to the application as a
// call, and its reply as the result; with no other application, that is what a node
// does with a service that calls itself.
type echoNode struct {
	address  string
	listener net.Listener
	running  group
}

func newEchoNode(t testing.TB) *echoNode {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	n := &echoNode{address: listener.Addr().String(), listener: listener}
	n.running.start(n.accept)
	t.Cleanup(n.close)
	return n
}

// close waits until the applications have gone.
func (n *echoNode) close() {
	_ = n.listener.Close()
	n.running.wait(context.Background())
}

func (n *echoNode) accept() {
	for {
		link, err := n.listener.Accept()
		if err != nil {
			return
		}
		n.running.start(func() { n.serve(link) })
	}
}
