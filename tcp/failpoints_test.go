//go:build failpoints

package tcp_test

import (
	"log/slog"
	"net"
	"strings"
	"syscall"
	"testing"

	"github.com/project-iris/iris/tcp"
	"github.com/project-iris/iris/transport"
	"github.com/project-iris/iris/transport/failpoint"
	"github.com/project-iris/iris/transport/identity/identitytest"
	"github.com/project-iris/iris/transport/logtest"
)

// A listener whose host is out of descriptors goes on when there are some again, and says so in the
// log.
func TestAListenerOutlivesAHostOutOfDescriptors(t *testing.T) {
	network, log := identitytest.NewNetwork(t, "failpoints"), new(logtest.Journal)
	a := tcp.New(tcp.Config{Identity: network.Node(t), Logger: slog.New(slog.NewTextHandler(log, nil))})
	b := tcp.New(tcp.Config{Identity: network.Node(t), Logger: slog.New(slog.DiscardHandler)})
	defer a.Close()
	defer b.Close()
	clear := failpoint.Set("accept over tcp", failpoint.Times(3, &net.OpError{Op: "accept", Net: "tcp", Err: syscall.EMFILE}))
	defer clear()
	l, err := a.Listen(t.Context(), "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	link, err := b.Dial(t.Context(), l.Addr(), transport.PeerID{})
	if err != nil {
		t.Fatal(err)
	}
	defer link.Close(nil)
	if _, err := l.Accept(t.Context()); err != nil {
		t.Errorf("Accept: %v", err)
	}
	if said := log.String(); !strings.Contains(said, "too many open files") {
		t.Errorf("the log has %q", said)
	}
}
