package main

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/project-iris/iris/node/status"
)

// Whatever becomes of its log, a node serves, and its status says how many lines are missing.
func TestANodeOutlivesItsLog(t *testing.T) {
	for _, row := range []struct {
		name string
		open func(t *testing.T) *os.File
		lost bool // lines are lost by what the test does
	}{
		{"on a full disk", func(t *testing.T) *os.File { return opened(t, "/dev/full") }, true},
		{"in a pipe that nobody reads any more", func(t *testing.T) *os.File {
			r, w := pipe(t)
			_ = r.Close()
			return w
		}, true},
		{"in a pipe whose reader hangs", func(t *testing.T) *os.File {
			_, w := pipe(t)
			if _, err := unix.FcntlInt(w.Fd(), unix.F_SETPIPE_SZ, 4096); err != nil {
				t.Fatal(err)
			}
			return w
		}, false},
	} {
		t.Run(row.name, func(t *testing.T) {
			m, dir := newManager(t), t.TempDir()
			socket, control := filepath.Join(dir, "socket"), filepath.Join(dir, "control")
			command := inProcess("-dev", "-port", "0", "-socket", socket, "-control", control, "-log-level", "debug")
			log := row.open(t)
			command.Stderr = log
			if err := command.Start(); err != nil {
				t.Fatal(err)
			}
			ended := make(chan error, 1)
			go func() {
				ended <- command.Wait()
				_ = m.conn.Close() // nothing more is said there
			}()
			t.Cleanup(func() { _ = command.Process.Kill() })
			m.next(t, "", "READY=1")
			start(t, nil, "reply", "-socket", socket, "-text", "pong", "ping").err.next(t, "serving")
			for range 100 { // each is in the log, which holds a few
				if got := iris(t, "", "request", "-socket", socket, "ping", "?"); got.out != "pong\n" {
					t.Fatalf("%+v", got)
				}
			}
			said := iris(t, "", "status", "-control", control, "-local", "-json").out
			if lost := strings.Contains(said, string(status.LogUnwritten)); lost != row.lost {
				t.Errorf("lines are lost: %v", lost)
			}
			if err := command.Process.Signal(syscall.SIGTERM); err != nil {
				t.Fatal(err)
			}
			if err := <-ended; err != nil {
				t.Errorf("the node ended with %v", err)
			}
		})
	}
}

func opened(t *testing.T, path string) *os.File {
	t.Helper()
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.Close() })
	return f
}

func pipe(t *testing.T) (r, w *os.File) {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _, _ = r.Close(), w.Close() })
	return r, w
}
