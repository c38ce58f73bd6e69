package client

import (
	"context"
	"errors"
	"io"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/project-iris/iris/relay/wire"
)

// fakeNode is a node that can be stopped and started: it takes applications while it is up.
type fakeNode struct {
	t       *testing.T
	down    atomic.Bool
	relays  chan *fakeRelay // of those that were taken, before they hear of it
	cluster atomic.Value    // that the last application has named

	mu     sync.Mutex
	answer wire.Message // to INIT; nil: none
	dials  []time.Time
}

// reconnecting returns a connection to a node that can be stopped, and its first relay.
func reconnecting(t *testing.T, service Service, config Config) (*Conn, *fakeNode, *fakeRelay) {
	t.Helper()
	n := &fakeNode{t: t, relays: make(chan *fakeRelay, 100), answer: &wire.Accept{Version: []byte(wire.Version)}}
	config.Reconnect = true
	c := newConn("cluster", service, config.withDefaults())
	c.dial = n.dial
	if _, err := open(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	relay := <-n.relays
	t.Cleanup(func() {
		go relay.discard()
		_ = c.Close()
	})
	return c, n, relay
}

func (n *fakeNode) dial(context.Context, string) (net.Conn, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.dials = append(n.dials, time.Now())
	answer := n.answer
	if n.down.Load() {
		return nil, syscall.ECONNREFUSED
	}
	relay, link := newFakeRelay(n.t)
	go func() {
		n.cluster.Store(string(expect[*wire.Init](relay).Cluster))
		n.relays <- relay
		if answer != nil {
			relay.send(answer)
		}
	}()
	return link, nil
}

// stop ends the node, and the connection to it.
func (n *fakeNode) stop(relay *fakeRelay) {
	n.down.Store(true)
	_ = relay.link.Close()
	synctest.Wait()
}

// answers changes the answer to INIT.
func (n *fakeNode) answers(m wire.Message) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.answer = m
}

// waits are those before each try to attach, since a time.
func (n *fakeNode) waits(since time.Time) (all []time.Duration) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, at := range n.dials {
		if at.After(since) {
			all = append(all, at.Sub(since))
			since = at
		}
	}
	return all
}

func TestALostConnectionIsMadeAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var told, events []string
		c, n, relay := reconnecting(t, Service{}, Config{
			Lost: func(reason error) {
				wantError(t, reason, ErrClosed, io.ErrUnexpectedEOF)
				told = append(told, "lost")
			},
			Restored: func() { told = append(told, "restored") },
		})
		must(c.Subscribe(t.Context(), "news", func(event []byte) { events = append(events, string(event)) }))
		gone := must(c.Subscribe(t.Context(), "old", func([]byte) {}))
		expect[*wire.Subscribe](relay)
		expect[*wire.Subscribe](relay)
		relay.send(&wire.Publish{Topic: []byte("news"), Event: []byte("before")})
		n.stop(relay)

		began := time.Now()
		_, err := c.Request(t.Context(), "echo", nil)
		wantError(t, err, ErrNotSent, ErrClosed, io.ErrUnexpectedEOF)
		wantError(t, c.Publish(t.Context(), "news", nil), ErrNotSent, ErrClosed)
		wantError(t, c.Broadcast(t.Context(), "echo", nil), ErrNotSent, ErrClosed)
		_, err = c.Subscribe(t.Context(), "more", func([]byte) {})
		wantError(t, err, ErrNotSent, ErrClosed)
		_, err = c.Dial(t.Context(), "echo")
		wantError(t, err, ErrNotSent, ErrClosed)
		gone.Unsubscribe()
		if waited := time.Since(began); waited != 0 {
			t.Errorf("what is sent while the node is away waits for %v", waited)
		}
		time.Sleep(time.Minute)
		if c.Err() != nil || !slices.Equal(told, []string{"lost"}) {
			t.Errorf("ended by %v, told %v", c.Err(), told)
		}

		n.down.Store(false)
		began = time.Now()
		relay = <-n.relays
		if waited := time.Since(began); waited > reattachMax || n.cluster.Load() != "cluster" {
			t.Errorf("back in %q after %v", n.cluster.Load(), waited)
		}
		if m := expect[*wire.Subscribe](relay); string(m.Topic) != "news" {
			t.Errorf("subscribed to %q", m.Topic)
		}
		relay.silent()
		relay.send(&wire.Publish{Topic: []byte("news"), Event: []byte("after")})
		done := async(func() ([]byte, error) { return c.Request(t.Context(), "echo", nil) })
		relay.send(&wire.Result{ID: expect[*wire.Request](relay).ID, OK: true})
		if err := (<-done).err; err != nil {
			t.Error(err)
		}
		synctest.Wait()
		if !slices.Equal(events, []string{"before", "after"}) || !slices.Equal(told, []string{"lost", "restored"}) {
			t.Errorf("events %q, told %q", events, told)
		}
		if s := c.Stats(); s.Reconnects != 1 {
			t.Errorf("stats %+v", s)
		}
		closed := asyncError(c.Close)
		relay.farewell()
		if err := <-closed; err != nil {
			t.Error(err)
		}
		wantError(t, c.Err(), ErrClosed)
	})
}

// What was open fails, and says whether it can have run: what the node has read may have,
// what was still in the queue has not.
func TestWhatWasOpenSaysWhetherItMayHaveRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, n, relay := reconnecting(t, Service{}, Config{})
		tunnel := async(func() (*Tunnel, error) { return c.Tunnel(t.Context(), "echo") })
		m := expect[*wire.TunInit](relay)
		relay.send(&wire.TunResult{ID: m.ID, ChunkLimit: 100}, &wire.TunAllow{ID: m.ID, Bytes: 100})
		expect[*wire.TunAllow](relay)
		sent := async(func() ([]byte, error) { return c.Request(t.Context(), "echo", nil) })
		expect[*wire.Request](relay)
		half := async(func() ([]byte, error) { return c.Request(t.Context(), "echo", make([]byte, 100)) })
		synctest.Wait() // it is being written
		queued := async(func() ([]byte, error) { return c.Request(t.Context(), "echo", make([]byte, 200)) })
		synctest.Wait()
		n.stop(relay)
		for _, row := range []struct {
			err      error
			is, isnt error
		}{
			{(<-sent).err, ErrMayHaveRun, ErrNotSent},
			{(<-half).err, ErrMayHaveRun, ErrNotSent},
			{(<-queued).err, ErrNotSent, ErrMayHaveRun},
		} {
			wantError(t, row.err, row.is, ErrClosed)
			if errors.Is(row.err, row.isnt) {
				t.Errorf("error is %v", row.err)
			}
		}
		_, err := (<-tunnel).value.Receive(t.Context())
		wantError(t, err, ErrClosed)
		if n := c.Stats().UnsentBytes; n < 200 || n > 300 {
			t.Errorf("%d bytes were not sent", n)
		}
		n.down.Store(false)
		(<-n.relays).silent() // nothing of it is sent later
	})
}

// A service that answers when the connection is another one answers nobody, as the new
// connection has its own ids.
func TestAnAnswerDoesNotCrossConnections(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var handled atomic.Int32
		release := make(chan struct{})
		c, n, relay := reconnecting(t, Service{Request: func(ctx context.Context, body []byte) ([]byte, error) {
			handled.Add(1)
			if string(body) == "first" {
				<-ctx.Done()
				<-release
			}
			return body, nil
		}}, Config{Handlers: 1})
		relay.send(&wire.Call{ID: 7, Body: []byte("first"), Timeout: 90_000}, &wire.Call{ID: 8, Body: []byte("waits"), Timeout: 90_000})
		synctest.Wait()
		n.stop(relay)
		serve(inboundRequest{from: c.current.Load()}) // one that was read when the connection broke
		n.down.Store(false)
		relay = <-n.relays
		relay.send(&wire.Call{ID: 7, Body: []byte("second"), Timeout: 90_000})
		relay.silent()
		close(release)
		if m := expect[*wire.Reply](relay); m.ID != 7 || string(m.Body) != "second" {
			t.Errorf("answered %+v", m)
		}
		relay.silent()
		if n := handled.Load(); n != 2 {
			t.Errorf("%d requests were handled, want the first and the second", n)
		}
		if s := c.Stats(); s.OverloadedRequests != 0 {
			t.Errorf("stats %+v", s)
		}
	})
}

// The waits between tries grow to half a second, and differ.
func TestTriesToAttachBackOff(t *testing.T) {
	check := func(t *testing.T, waits []time.Duration) {
		t.Helper()
		different := map[time.Duration]bool{}
		for i, d := range waits {
			most := min(reattachMin<<min(i, 10), reattachMax)
			if d < most/2 || d > most {
				t.Errorf("wait %d is %v, want %v to %v", i, d, most/2, most)
			}
			different[d] = true
		}
		if len(different) < len(waits)/2 {
			t.Errorf("%d waits have %d lengths", len(waits), len(different))
		}
	}
	t.Run("of a node that is away", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			_, n, relay := reconnecting(t, Service{}, Config{})
			n.stop(relay)
			began := time.Now()
			time.Sleep(20 * time.Second)
			waits := n.waits(began)
			check(t, waits)
			if len(waits) < 40 || len(waits) > 90 {
				t.Errorf("%d tries in 20 s", len(waits))
			}
		})
	})
	t.Run("of a node that denies", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			c, n, relay := reconnecting(t, Service{}, Config{})
			n.answers(&wire.Deny{Reason: []byte("node is stopping")})
			_ = relay.link.Close()
			synctest.Wait()
			began := time.Now()
			time.Sleep(20 * time.Second)
			waits := n.waits(began)
			check(t, waits)
			if c.Err() != nil || len(waits) < 40 {
				t.Errorf("%d tries, ended by %v", len(waits), c.Err())
			}
		})
	})
	t.Run("of a node that drops whoever attaches", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			c, n, relay := reconnecting(t, Service{}, Config{})
			stop, began := make(chan struct{}), time.Now()
			go func() {
				for {
					_ = relay.link.Close()
					select {
					case relay = <-n.relays:
						synctest.Wait()
					case <-stop:
						return
					}
				}
			}()
			time.Sleep(20 * time.Second)
			close(stop)
			check(t, n.waits(began))
			if r := c.Stats().Reconnects; r < 40 || r > 90 {
				t.Errorf("attached %d times in 20 s", r)
			}
		})
	})
}

func TestCloseEndsTheTriesToAttach(t *testing.T) {
	for name, prepare := range map[string]func(n *fakeNode){
		"while the node is away":  func(n *fakeNode) { n.down.Store(true) },
		"while the node is quiet": func(n *fakeNode) { n.answers(nil) },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c, n, relay := reconnecting(t, Service{}, Config{Restored: func() { t.Error("restored") }})
				prepare(n)
				_ = relay.link.Close()
				time.Sleep(time.Second)
				began := time.Now()
				if err := c.Close(); err != nil || time.Since(began) != 0 {
					t.Errorf("closed after %v: %v", time.Since(began), err)
				}
				if err := c.Err(); err != ErrClosed {
					t.Errorf("ended by %v", err)
				}
				wantError(t, c.Publish(t.Context(), "news", nil), ErrNotSent, ErrClosed)
			})
		})
	}
}
