//go:build unix

package plugins_test

import (
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/project-iris/iris/plugins"
	"github.com/project-iris/iris/transport"
	"github.com/project-iris/iris/transport/identity/identitytest"
)

// A plugin that hangs is noticed, killed and started again.
func TestStopped(t *testing.T) {
	book := &logbook{}
	w := startTwo(t, quick, withLog(book))
	a, b := w.link()
	expectAlive(t, a, b, "hello")
	if err := syscall.Kill(w.b.PID(), syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	expectEnd(t, a, transport.ErrNetwork)
	expectEnd(t, b, transport.ErrNetwork)
	eventually(t, "the log says why", func() bool { return len(book.lines("does not answer")) > 0 })
	a, b = w.link()
	expectAlive(t, a, b, "again")
}

// A plugin that hangs does not hold up the end of its node, nor does one that is being
// asked whether it is well.
func TestCloseWithAStoppedPlugin(t *testing.T) {
	t.Run("not asked", func(t *testing.T) {
		closeStopped(t, func(c *plugins.Config) { c.HealthInterval = time.Hour })
	})
	t.Run("asked", func(t *testing.T) {
		closeStopped(t, func(c *plugins.Config) { c.HealthInterval, c.HealthTimeout = 10*time.Millisecond, time.Hour })
	})
}

func closeStopped(t *testing.T, change func(*plugins.Config)) {
	t.Helper()
	w := startTwo(t, change)
	pid := w.b.PID()
	if err := syscall.Kill(pid, syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	for range 10 { // so that it is being asked, if it is asked often
		pause(t.Context())
	}
	closed := make(chan error, 1)
	go func() { closed <- w.b.Close() }()
	select {
	case err := <-closed:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(patience):
		t.Fatal("it is not closed")
	}
	if alive(pid) {
		t.Error("the plugin is still there")
	}
}

// What a plugin has started does not outlive it, whether it crashes or is told to end.
func TestChildrenOfAPlugin(t *testing.T) {
	for _, row := range []struct {
		name string
		end  func(*plugins.Transport) error
	}{
		{"killed", func(p *plugins.Transport) error { return syscall.Kill(p.PID(), syscall.SIGKILL) }},
		{"closed", (*plugins.Transport).Close},
	} {
		t.Run(row.name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "child")
			node := identitytest.NewNetwork(t, "net").Node(t)
			made := start(t, node, install(t, plainName), func(c *plugins.Config) { c.Options = map[string]string{"child": file} })
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			child, err := strconv.Atoi(string(text))
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = syscall.Kill(child, syscall.SIGKILL) }()
			if err := row.end(made); err != nil {
				t.Fatal(err)
			}
			eventually(t, "the child has ended", func() bool { return !alive(child) })
		})
	}
}
