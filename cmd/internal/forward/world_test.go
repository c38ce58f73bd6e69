package forward

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/project-iris/iris/node"
	"github.com/project-iris/iris/relay/client"
	"github.com/project-iris/iris/transport/identity"
)

// logbook takes a log and waits for what is in it.
type logbook struct {
	mu   sync.Mutex
	text bytes.Buffer
	news sync.Cond
}

func (b *logbook) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.news.Broadcast()
	return b.text.Write(p)
}

// await waits until a text is there so many times.
func (b *logbook) await(text string, n int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for strings.Count(b.text.String(), text) < n {
		b.news.Wait()
	}
}

// world is a node, and what carries connections of the name "db" over it.
type world struct {
	t      *testing.T
	config Config
	log    *logbook
	node   *client.Conn
	end    func() // of the node
}

func newWorld(t *testing.T, config Config) *world {
	t.Helper()
	n, err := node.Start(node.Config{Network: "test", Key: identity.Generate(), Port: node.AnyPort})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(n.Close)
	w := &world{t: t, log: &logbook{}, end: n.Close}
	w.log.news.L = &w.log.mu
	config.Node.Address = net.JoinHostPort("127.0.0.1", strconv.Itoa(n.Port()))
	config.Logger = slog.New(slog.NewTextHandler(w.log, nil))
	config.DialTimeout = time.Minute
	w.config = config
	if w.node, err = client.Connect(t.Context(), config.ForConnections()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = w.node.Close() }) // the node may be gone
	return w
}

// task is a carrier that runs.
type task struct {
	t     *testing.T
	stop  context.CancelFunc
	drain func(context.Context) error
	ran   chan error // takes what Run returned
	ended bool
}

func (w *world) run(run, drain func(context.Context) error) *task {
	ctx, cancel := context.WithCancel(context.Background())
	task := &task{t: w.t, stop: cancel, drain: drain, ran: make(chan error, 1)}
	go func() { task.ran <- run(ctx) }()
	w.t.Cleanup(func() {
		if !task.ended {
			task.finish(w.t.Context())
		}
	})
	return task
}

// finish ends it, and checks that it ends well until the context does.
func (k *task) finish(ctx context.Context) {
	k.t.Helper()
	k.stop()
	k.ended = true
	if err := <-k.ran; err != nil {
		k.t.Errorf("Run: %v", err)
	}
	if err := k.drain(context.WithoutCancel(ctx)); err != nil {
		k.t.Errorf("Drain: %v", err)
	}
}

// expose exposes a target.
func (w *world) expose(target string) (*Exposer, *task) {
	w.t.Helper()
	e := NewExposer("db", parsed(w.t, target), w.config)
	return e, w.run(e.Run, e.Drain)
}

// forward listens for connections to the name.
func (w *world) forward(listen string) (*Forwarder, *task) {
	w.t.Helper()
	f, err := Listen(parsed(w.t, listen), "db", w.config)
	if err != nil {
		w.t.Fatal(err)
	}
	return f, w.run(func(ctx context.Context) error { return f.Run(ctx, w.node) }, f.Drain)
}

func parsed(t *testing.T, text string) Address {
	t.Helper()
	a, err := Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// listener listens at an address for a test.
func listener(t *testing.T, network, address string) net.Listener {
	t.Helper()
	l, err := net.Listen(network, address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	return l
}

// text is an address as users write it.
func text(a net.Addr) string {
	if a.Network() == "unix" {
		return "unix:" + a.String()
	}
	return a.String()
}

// accept accepts the next connection that is no probe: the first byte of those that carry
// something is read.
func accept(t *testing.T, l net.Listener) net.Conn {
	t.Helper()
	for {
		c, err := l.Accept()
		if err != nil {
			t.Fatal(err)
		}
		if n, _ := c.Read(make([]byte, 1)); n == 1 {
			t.Cleanup(func() { _ = c.Close() })
			return c
		}
		_ = c.Close()
	}
}

// dialled connects to a forwarder and says a byte.
func dialled(t *testing.T, f *Forwarder) net.Conn {
	t.Helper()
	c, err := net.Dial(f.Addr().Network(), f.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	if _, err := c.Write([]byte("!")); err != nil {
		t.Error(err)
	}
	return c
}

// echoes serves connections that answer with what they were sent, until the listener is
// closed.
func echoes(l net.Listener) {
	for {
		c, err := l.Accept()
		if err != nil {
			return
		}
		go func() {
			defer c.Close()
			_, _ = io.Copy(c, c)
		}()
	}
}

// echo checks that a connection reaches somebody who sends back what he gets.
func echo(t *testing.T, c net.Conn) {
	t.Helper()
	if _, err := c.Write([]byte("hello")); err != nil {
		t.Error(err)
	}
	got := make([]byte, 5)
	if _, err := io.ReadFull(c, got); err != nil {
		t.Errorf("read %q, %v", got, err)
	}
}
