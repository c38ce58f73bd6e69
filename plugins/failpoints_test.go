//go:build failpoints

package plugins_test

import (
	"errors"
	"net"
	"syscall"
	"testing"

	"github.com/project-iris/iris/transport"
	"github.com/project-iris/iris/transport/failpoint"
)

// Where the data socket of a plugin cannot be reached, or breaks before it knows which connection it is
// to carry, the dial fails as one of a network does, the plugin is not given up, and the next dial has
// its link.
func TestADataSocketThatFails(t *testing.T) {
	log := new(logbook)
	w := startTwo(t, withLog(log), quick)
	for point, err := range map[string]error{
		"dial data socket of plugin": &net.OpError{Op: "dial", Net: "unix", Err: syscall.EMFILE},
		"claim connection of plugin": &net.OpError{Op: "write", Net: "unix", Err: syscall.EPIPE},
	} {
		clear := failpoint.Set(point, func() error { return err })
		link, failed := w.a.Dial(t.Context(), w.listener.Addr(), transport.PeerID{})
		clear()
		if link != nil {
			t.Fatalf("%s: there is a link all the same", point)
		}
		if !errors.Is(failed, transport.ErrNetwork) || !errors.Is(failed, err) {
			t.Errorf("%s: the dial fails with %v", point, failed)
		}
		dialled, accepted := w.link()
		_ = dialled.Close(nil)
		<-accepted.Context().Done()
	}
	if lines := log.lines("plugin is down"); len(lines) > 0 {
		t.Errorf("the plugin was given up: %q", lines)
	}
}
