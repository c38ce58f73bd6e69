//go:build unix

package plugins_test

import (
	"syscall"
	"testing"
	"time"

	"github.com/project-iris/iris/plugins"
	"github.com/project-iris/iris/transport"
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

// A plugin that hangs does not hold up the end of its node.
func TestCloseWithAStoppedPlugin(t *testing.T) {
	w := startTwo(t, func(c *plugins.Config) { c.HealthTimeout = time.Hour })
	pid := w.b.PID()
	if err := syscall.Kill(pid, syscall.SIGSTOP); err != nil {
		t.Fatal(err)
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
