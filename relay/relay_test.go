package relay_test

import (
	"context"
	"errors"
	"net"
	"runtime"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/project-iris/iris/relay"
	"github.com/project-iris/iris/relay/wire"
)

// failingListener fails to accept for a number of times before it works, and for
// ever after it was closed.
type failingListener struct {
	*door
	mu       sync.Mutex
	failures int
	tries    int
	closed   error // what Accept returns once closed; default net.ErrClosed
}

func (l *failingListener) Accept() (net.Conn, error) {
	l.mu.Lock()
	l.tries++
	if l.failures > 0 {
		l.failures--
		l.mu.Unlock()
		return nil, &net.OpError{Op: "accept", Err: syscall.EMFILE}
	}
	l.mu.Unlock()
	conn, err := l.door.Accept()
	if err != nil && l.closed != nil {
		err = l.closed
	}
	return conn, err
}

func (l *failingListener) count() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.tries
}

func TestServeWaitsWhenTheHostIsOutOfFileDescriptors(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNode(t, relay.Config{})
		l := &failingListener{door: n.listener, failures: 20}
		served := make(chan error, 1)
		go func() { served <- n.relay.Serve(l) }()

		began := time.Now()
		n.attach("svc").expectAlive()
		// 5, 10, 20, … 640 ms, and then a second each.
		if took := time.Since(began); took < 12*time.Second || took > 15*time.Second {
			t.Errorf("20 failures took %v", took)
		}
		n.log.expect(t, "cannot accept applications", "too many open files", "addr=listener")
		n.close(t.Context())
		if err := <-served; err != nil {
			t.Errorf("Serve: %v", err)
		}
	})
}

// What is left out of the log is counted in it.
func TestLinesThatAreLeftOutAreCounted(t *testing.T) {
	inBubble(t, relay.Config{}, func(t *testing.T, n *node) {
		strangers := func(count int) {
			for range count {
				p := n.dial()
				_, _ = p.conn.Write([]byte("GET / HTTP/1.1\r\n\r\n"))
				synctest.Wait()
				p.conn.Close()
			}
		}
		strangers(100)
		time.Sleep(time.Minute)
		strangers(1)
		n.log.mu.Lock()
		lines := slices.Clone(n.log.lines)
		n.log.mu.Unlock()
		if len(lines) != 21 || !strings.Contains(lines[0], "unlogged=0") || !strings.Contains(lines[20], "unlogged=80") {
			t.Errorf("%d lines of 101 strangers:\n%s", len(lines), strings.Join(lines, "\n"))
		}
	})
}

// A host at its limit accepts one and refuses one, for hours.
func TestServeLogsFailuresThatComeAndGoAFewTimes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNode(t, relay.Config{})
		l := &failingListener{door: n.listener}
		go n.relay.Serve(l)
		for range 1000 {
			l.mu.Lock()
			l.failures = 1
			l.mu.Unlock()
			n.dial().conn.Close()
			synctest.Wait()
		}
		if got := n.log.count(); got == 0 || got > 30 {
			t.Errorf("%d lines were logged", got)
		}
		n.close(t.Context())
	})
}

func TestServeReturnsWhileItWaitsForAListenerThatFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNode(t, relay.Config{})
		l := &failingListener{door: n.listener, failures: 1 << 30, closed: errors.New("broken for good")}
		served := make(chan error, 1)
		go func() { served <- n.relay.Serve(l) }()
		time.Sleep(time.Hour)
		synctest.Wait()
		tries := l.count()
		began := time.Now()
		n.close(t.Context())
		if err := <-served; err != nil {
			t.Errorf("Serve: %v", err)
		}
		if took := time.Since(began); took != 0 {
			t.Errorf("took %v", took)
		}
		if more := l.count() - tries; more > 2 {
			t.Errorf("%d more tries after the relay was closed", more)
		}
	})
}

func TestServeReturnsForAListenerThatReportsItsCloseInItsOwnWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNode(t, relay.Config{})
		l := &failingListener{door: n.listener, closed: errors.New("use of a listener after its end")}
		served := make(chan error, 1)
		go func() { served <- n.relay.Serve(l) }()
		synctest.Wait()
		n.close(t.Context())
		if err := <-served; err != nil {
			t.Errorf("Serve: %v", err)
		}
	})
}

func TestServeAfterCloseIsRefused(t *testing.T) {
	for name, end := range map[string]func(*relay.Relay){
		"Refuse": (*relay.Relay).Refuse,
		"Close":  func(r *relay.Relay) { r.Close(context.Background()) },
	} {
		t.Run(name, func(t *testing.T) {
			n := newNode(t, relay.Config{})
			end(n.relay)
			if err := n.relay.Serve(n.listener); !errors.Is(err, relay.ErrClosed) {
				t.Errorf("Serve: %v, want %v", err, relay.ErrClosed)
			}
			if _, err := n.listener.Accept(); !errors.Is(err, net.ErrClosed) {
				t.Error("the listener is open")
			}
		})
	}
}

func TestRefuseKeepsTheApplicationsThatAreAttached(t *testing.T) {
	inBubble(t, relay.Config{}, func(t *testing.T, n *node) {
		a := n.attach("svc")
		n.relay.Refuse()
		n.relay.Refuse()
		a.expectAlive()
		if _, err := n.listener.Accept(); !errors.Is(err, net.ErrClosed) {
			t.Error("the listener is open")
		}
	})
}

// Everything at once: applications that are silent, attached, stuck, detaching and
// denied, tunnels in all states.
func TestCloseEndsEverythingWhileItIsBusy(t *testing.T) {
	inBubble(t, relay.Config{QueueLimit: 64 << 10}, func(t *testing.T, n *node) {
		full := strings.Repeat("x", chunkLimit)
		n.dial()
		denied := n.dial()
		denied.send(&wire.Init{Version: []byte("v0")})
		a, b := n.attach(""), n.attach("svc")
		n.openTunnel(a, 1, b, 1)
		n.openTunnel(a, 2, b, 2)
		for range 20 {
			a.send(chunk(1, chunkLimit, full)) // not granted
		}
		b.send(allow(2, 1<<30))
		for range 20 {
			a.send(chunk(2, chunkLimit, full)) // not read
		}
		a.send(tunInit(3)) // not confirmed
		a.send(&wire.TunInit{ID: 4, Timeout: 1 << 62})
		closing := n.attach("svc")
		closing.member.onLeave = func(ctx context.Context) error {
			<-ctx.Done()
			return ctx.Err()
		}
		closing.send(&wire.Close{})
		stuck := n.attach("")
		for i := range 20 {
			stuck.member.app.HandleEvent([]byte("t"), event(i))
		}
		go stuck.member.app.HandleEvent([]byte("t"), event(20)) // waits
		synctest.Wait()

		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		began := time.Now()
		n.close(ctx)
		if took := time.Since(began); took > time.Second {
			t.Errorf("Close took %v", took)
		}
		n.relay.Close(ctx) // once more
	})
}

func TestCloseIsAtOnceWhenNothingWaits(t *testing.T) {
	inBubble(t, relay.Config{}, func(t *testing.T, n *node) {
		a, b := n.attach(""), n.attach("svc")
		n.openTunnel(a, 1, b, 1)
		n.dial()
		drain(a)
		drain(b)
		began := time.Now()
		n.close(t.Context())
		if took := time.Since(began); took != 0 {
			t.Errorf("took %v", took)
		}
	})
}

// Close waits for whoever still reads, and ends when its context does.
func TestCloseEndsWithItsContext(t *testing.T) {
	inTunnel(t, relay.Config{}, func(t *testing.T, n *node, a, b *application) {
		for range 20 {
			a.send(chunk(1, 3, "abc"))
			b.member.app.HandleEvent([]byte("t"), []byte("not read"))
		}
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
		defer cancel()
		began := time.Now()
		n.close(ctx)
		if took := time.Since(began); took != 3*time.Second {
			t.Errorf("took %v", took)
		}
	})
}

func TestOverTCPNoGoroutineIsLeft(t *testing.T) {
	before := runtime.NumGoroutine()
	t.Run("relay", func(t *testing.T) {
		n, addr := startTCP(t, relay.Config{})
		for range 50 {
			a := dialTCP(t, n, addr, "svc")
			a.send(request(1))
		}
	})
	deadline := time.Now().Add(10 * time.Second)
	for runtime.NumGoroutine() > before && time.Now().Before(deadline) {
		runtime.Gosched() // those that have ended, but not gone yet
	}
	if after := runtime.NumGoroutine(); after > before {
		t.Errorf("%d goroutines before, %d after", before, after)
	}
}

// Until the application has left its cluster, the network may pick it.
func TestARequestThatComesAsASessionEndsIsRefused(t *testing.T) {
	inBubble(t, relay.Config{}, func(t *testing.T, n *node) {
		a := n.attach("svc")
		refused := errors.New("not asked")
		a.member.onClose = func() { refused = a.member.app.HandleRequest(1, nil, time.Second) }
		a.conn.Close()
		synctest.Wait()
		if refused == nil {
			t.Error("a request was taken for an application that is gone")
		}
	})
}

func TestStatsCountTheAttached(t *testing.T) {
	inBubble(t, relay.Config{}, func(t *testing.T, n *node) {
		apps := []*application{n.attach(""), n.attach("svc"), n.attach("svc")}
		if got := n.relay.Stats().Attached; got != 3 {
			t.Errorf("%d are attached, want 3", got)
		}
		apps[0].conn.Close()
		apps[1].send(&wire.Close{})
		apps[1].expect(&wire.Closed{})
		apps[1].expectEnd()
		synctest.Wait()
		if got := n.relay.Stats().Attached; got != 1 {
			t.Errorf("%d are attached, want 1", got)
		}
	})
}

// A field below zero is taken as zero, which is the default.
func TestConfigBelowZeroIsTheDefault(t *testing.T) {
	config := relay.Config{
		QueueLimit: -1, Patience: -1, StallTimeout: -1, AttachTimeout: -1, DetachTimeout: -1, PayloadLimit: -1, Tunnels: -1,
	}
	inBubble(t, config, func(t *testing.T, n *node) {
		a, b := n.attach(""), n.attach("svc")
		n.openTunnel(a, 1, b, 1)
		a.send(&wire.TunClose{ID: 1})
		a.expect(&wire.TunClosed{ID: 1})
		b.expect(&wire.TunClosed{ID: 1})
		b.expectAlive()
	})
}
