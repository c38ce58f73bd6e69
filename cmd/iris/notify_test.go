package main

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
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
	node := &patient{expects: true}
	n.serving(node)
	defer n.pause("")
	m.next(t, "READY", "STATUS=serves applications at port 55555; looks for other nodes")
	node.others.Store(2)
	m.next(t, "", "READY=1")
	m.next(t, "READY", "STATUS=serves applications at port 55555; knows 2 other nodes")
}

// A node that is stuck does not tell the watchdog that it is alive.
func TestAStuckNodeStopsTheWatchdog(t *testing.T) {
	m := newManager(t)
	t.Setenv("WATCHDOG_USEC", "20000")
	n := newNotifier(slog.New(slog.NewTextHandler(io.Discard, nil)))
	node := &patient{}
	n.serving(node)
	m.next(t, "", "WATCHDOG=1")
	node.stuck.Store(true)
	for since := node.looks.Load(); node.looks.Load() < since+5; {
		runtime.Gosched()
	}
	n.pause("over") // of what came while it was stuck, only the looks that had begun before may be good
	told, stuck := 0, node.looks.Load()
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
