package main

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/project-iris/iris/node"
	"github.com/project-iris/iris/transport/identity"
)

// manager is the socket of a service manager, and what was said there.
type manager struct {
	conn *net.UnixConn
}

func newManager(t *testing.T) *manager {
	t.Helper()
	if runtime.GOOS == "windows" {
		t.Skip("there is no systemd")
	}
	dir, err := os.MkdirTemp("", "notify") // a short path
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "s")
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close(); os.RemoveAll(dir) })
	t.Setenv("NOTIFY_SOCKET", path)
	return &manager{conn}
}

// next returns the next message that begins with one of some texts. It fails at one that is
// refused.
func (m *manager) next(t *testing.T, refused string, begins ...string) string {
	t.Helper()
	b := make([]byte, 4096)
	for {
		n, err := m.conn.Read(b)
		if err != nil {
			t.Fatalf("%v: no message that begins with %q", err, begins)
		}
		text := string(b[:n])
		if refused != "" && strings.HasPrefix(text, refused) {
			t.Fatalf("%q comes before %q", text, begins)
		}
		for _, begin := range begins {
			if strings.HasPrefix(text, begin) {
				return text
			}
		}
	}
}

// patient is a node that knows some others and may be stuck.
type patient struct {
	others, looks atomic.Int64
	stuck         atomic.Bool
	expects       bool
}

func (p *patient) Port() int     { return 55555 }
func (p *patient) Others() int   { return int(p.others.Load()) }
func (p *patient) Expects() bool { return p.expects }

func (p *patient) Alive(ctx context.Context) error {
	p.looks.Add(1)
	if !p.stuck.Load() {
		return nil
	}
	<-ctx.Done()
	return errors.New("the relay does not answer")
}

// A real node tells a real socket what it does, from its start to its end.
func TestSystemdIsTold(t *testing.T) {
	m := newManager(t)
	t.Setenv("WATCHDOG_USEC", "200000")
	path := writeConfig(t, "log-level = info")
	hangups := make(chan os.Signal, 1)
	n := startHungUp(t, hangups, "-dev", "-port", "0", "-config", path)
	m.next(t, "STOPPING", "READY=1")
	m.next(t, "STOPPING", "STATUS=serves applications at port ")
	for range 3 {
		m.next(t, "STOPPING", "WATCHDOG=1")
	}
	hangups <- syscall.SIGHUP
	if text := m.next(t, "STOPPING", "RELOADING=1"); runtime.GOOS == "linux" && !strings.Contains(text, "\nMONOTONIC_USEC=") {
		t.Errorf("it says %q", text)
	}
	m.next(t, "STOPPING", "READY=1")
	m.next(t, "STOPPING", "WATCHDOG=1")
	n.signals <- syscall.SIGTERM
	m.next(t, "", "STATUS=finishes what it has")
	m.next(t, "WATCHDOG", "STOPPING=1")
	if n.wait() != exitGood {
		t.Error("the node failed")
	}
}

// startHungUp starts a node that is told to reload by a channel.
func startHungUp(t *testing.T, hangups <-chan os.Signal, args ...string) *running {
	t.Helper()
	r := &running{signals: make(chan os.Signal, 2), out: newLines(), err: newLines(), done: make(chan struct{})}
	p := &program{in: strings.NewReader(""), out: r.out, err: r.err, signals: r.signals, hangups: hangups}
	go func() {
		defer close(r.done)
		r.code = p.run(context.Background(), args)
		r.err.Close()
	}()
	t.Cleanup(func() {
		select {
		case r.signals <- os.Interrupt:
		default:
		}
		<-r.done
	})
	r.err.next(t, "msg=ready")
	return r
}

// A node that was told of others is not ready before it knows one.
func TestReadyWaitsForAnother(t *testing.T) {
	m := newManager(t)
	n := newNotifier(slog.New(slog.NewTextHandler(io.Discard, nil)))
	one := &patient{expects: true}
	n.serving(one)
	defer n.pause("")
	m.next(t, "READY", "STATUS=serves applications at port 55555; looks for other nodes")
	one.others.Store(2)
	m.next(t, "", "READY=1")
	m.next(t, "READY", "STATUS=serves applications at port 55555; knows 2 other nodes")
}

// A node that is stuck does not tell the watchdog that it is alive.
func TestAStuckNodeStopsTheWatchdog(t *testing.T) {
	m := newManager(t)
	t.Setenv("WATCHDOG_USEC", "20000")
	n := newNotifier(slog.New(slog.NewTextHandler(io.Discard, nil)))
	one := &patient{}
	n.serving(one)
	m.next(t, "", "WATCHDOG=1")
	one.stuck.Store(true)
	for since := one.looks.Load(); one.looks.Load() < since+5; {
		runtime.Gosched()
	}
	n.pause("over") // of what came while it was stuck, only the looks that had begun before may be good
	told, stuck := 0, one.looks.Load()
	b := make([]byte, 4096)
	_ = m.conn.SetReadDeadline(time.Now().Add(-time.Second))
	_ = m.conn.SetReadDeadline(time.Time{})
	for {
		size, err := m.conn.Read(b)
		if err != nil {
			t.Fatal(err)
		}
		switch text := string(b[:size]); {
		case text == "STATUS=over":
			if int64(told)+1 > stuck-4 {
				t.Errorf("of %d looks, five at the least of a stuck node, %d were told as good", stuck, told+1)
			}
			return
		case text == "WATCHDOG=1":
			told++
		}
	}
}

// slowLog is a log that takes nothing while it is blocked, as a pipe that nobody reads.
type slowLog struct {
	slog.Handler
	mu      sync.Mutex
	blocked chan struct{} // nil: it is not
}

func (l *slowLog) Enabled(context.Context, slog.Level) bool { return true }
func (l *slowLog) WithAttrs([]slog.Attr) slog.Handler       { return l }

func (l *slowLog) Handle(context.Context, slog.Record) error {
	l.mu.Lock()
	blocked := l.blocked
	l.mu.Unlock()
	if blocked != nil {
		<-blocked
	}
	return nil
}

func (l *slowLog) block() (release func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	blocked := make(chan struct{})
	l.blocked = blocked
	return sync.OnceFunc(func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.blocked = nil
		close(blocked)
	})
}

// While applications cannot attach to a real node, as its relay hangs, the watchdog is not told
// that it is alive, and /healthz says the same. When it goes on, so do both.
func TestAStuckRelayIsSeen(t *testing.T) {
	m := newManager(t)
	t.Setenv("WATCHDOG_USEC", "200000")
	log := &slowLog{Handler: slog.DiscardHandler}
	n, err := node.Start(node.Config{Network: "stuck", Key: identity.Generate(), Port: node.AnyPort, Admin: "127.0.0.1:0", Logger: slog.New(log)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(n.Close)
	healthy := func() (code int, text string) {
		t.Helper()
		response, err := http.Get("http://" + n.AdminAddr() + "/healthz")
		if err != nil {
			t.Fatal(err)
		}
		defer response.Body.Close()
		body, _ := io.ReadAll(response.Body)
		return response.StatusCode, string(body)
	}
	if code, text := healthy(); code != http.StatusOK {
		t.Fatalf("/healthz says %d, %q", code, text)
	}
	lines := newLines()
	t.Cleanup(func() { lines.Close() })
	notify := newNotifier(slog.New(slog.NewTextHandler(lines, nil)))
	notify.serving(n)
	m.next(t, "", "WATCHDOG=1")
	release := log.block()
	defer release()
	lines.next(t, "the port for applications does not answer")
	if code, text := healthy(); code != http.StatusServiceUnavailable || text != "the port for applications does not answer\n" {
		t.Errorf("/healthz says %d, %q", code, text)
	}
	if stuck := n.Status().Stuck; stuck != "" {
		t.Errorf("the parts of which a status is made answer, but it says %q", stuck)
	}
	notify.pause("over") // what was told before it was stuck comes before this
	m.next(t, "", "STATUS=over")
	notify.serving(n)
	lines.next(t, "the port for applications does not answer")
	notify.pause("over again")
	m.next(t, "WATCHDOG", "STATUS=over again")
	release()
	notify.serving(n)
	defer notify.pause("")
	m.next(t, "", "WATCHDOG=1")
	if code, text := healthy(); code != http.StatusOK {
		t.Errorf("/healthz says %d, %q", code, text)
	}
}
