package plugins_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/project-iris/iris/plugins"
	"github.com/project-iris/iris/transport"
	"github.com/project-iris/iris/transport/identity"
	"github.com/project-iris/iris/transport/identity/identitytest"
)

const patience = 60 * time.Second

// A logbook is a log to look into.
type logbook struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (b *logbook) Write(line []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(line)
}

// lines returns the lines that contain a text.
func (b *logbook) lines(text string) []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	var found []string
	for line := range strings.Lines(b.text.String()) {
		if strings.Contains(line, text) {
			found = append(found, line)
		}
	}
	return found
}

func (b *logbook) logger() *slog.Logger { return slog.New(slog.NewTextHandler(b, nil)) }

// start starts a transport over the plugin at a path.
func start(t testing.TB, id *identity.Identity, path string, changes ...func(*plugins.Config)) *plugins.Transport {
	t.Helper()
	made, err := try(t, id, path, changes...)
	if err != nil {
		t.Fatal(err)
	}
	return made
}

// try does the same, and may fail.
func try(t testing.TB, id *identity.Identity, path string, changes ...func(*plugins.Config)) (*plugins.Transport, error) {
	t.Helper()
	config := plugins.Config{Path: path, Identity: id}
	for _, change := range changes {
		change(&config)
	}
	made, err := plugins.New(config)
	if err == nil {
		t.Cleanup(func() { _ = made.Close() })
	}
	return made, err
}

func withMode(mode string) func(*plugins.Config) {
	return func(c *plugins.Config) { c.Options = map[string]string{"mode": mode} }
}

func withLog(b *logbook) func(*plugins.Config) {
	return func(c *plugins.Config) { c.Logger = b.logger() }
}

// quick makes a supervisor that loses no time.
func quick(c *plugins.Config) {
	c.HealthInterval, c.HealthTimeout = 50*time.Millisecond, 5*time.Second
	c.MinPause, c.MaxPause = 10*time.Millisecond, 100*time.Millisecond
}

// two are nodes of one network, with the plain plugin; the second listens.
type two struct {
	*testing.T
	a, b     *plugins.Transport
	network  *identitytest.Network
	listener transport.Listener
}

func startTwo(t *testing.T, changes ...func(*plugins.Config)) *two {
	t.Helper()
	network := identitytest.NewNetwork(t, "net")
	path := install(t, plainName)
	w := &two{T: t, network: network, a: start(t, network.Node(t), path, changes...), b: start(t, network.Node(t), path, changes...)}
	w.listener = listen(t, w.b)
	return w
}

func listen(t *testing.T, on transport.Transport) transport.Listener {
	t.Helper()
	listener, err := on.Listen(t.Context(), "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return listener
}

// link makes a link, and tries until that is possible.
func (w *two) link() (dialled, accepted transport.Link) {
	w.Helper()
	ctx, cancel := context.WithTimeout(w.Context(), patience)
	defer cancel()
	for {
		link, err := w.a.Dial(ctx, w.listener.Addr(), transport.PeerID{})
		if err == nil {
			accepted, err := w.listener.Accept(ctx)
			if err != nil {
				w.Fatal(err)
			}
			return link, accepted
		}
		if ctx.Err() != nil || !errors.Is(err, transport.ErrNetwork) {
			w.Fatalf("no link: %v", err)
		}
		pause(ctx)
	}
}

// pause lets a process have its turn.
func pause(ctx context.Context) {
	select {
	case <-time.After(10 * time.Millisecond):
	case <-ctx.Done():
	}
}

// eventually waits for something to be so.
func eventually(t *testing.T, what string, so func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	for !so() {
		if ctx.Err() != nil {
			t.Fatalf("%s: not so after %v", what, patience)
		}
		pause(ctx)
	}
}

// expectAlive sends a text over a link.
func expectAlive(t *testing.T, from, to transport.Link, text string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	opened, err := from.Open(ctx)
	if err != nil {
		t.Fatal(err)
	}
	var writing sync.WaitGroup
	defer writing.Wait()
	_ = opened.SetWriteDeadline(time.Now().Add(patience))
	writing.Go(func() {
		if _, err := opened.Write([]byte(text)); err != nil {
			t.Error(err)
		}
		_ = opened.CloseWrite()
	})
	accepted, err := to.Accept(ctx)
	if err != nil {
		t.Fatal(err)
	}
	_ = accepted.SetReadDeadline(time.Now().Add(patience))
	if got, err := io.ReadAll(accepted); err != nil || string(got) != text {
		t.Fatalf("%d bytes of %d arrived: %v", len(got), len(text), err)
	}
}

// expectEnd waits for a link to end, and checks why.
func expectEnd(t *testing.T, link transport.Link, want error) {
	t.Helper()
	select {
	case <-link.Context().Done():
		if cause := context.Cause(link.Context()); !errors.Is(cause, want) {
			t.Errorf("the link ended by %v, want %v", cause, want)
		}
	case <-time.After(patience):
		t.Fatal("the link has not ended")
	}
}
