package plugins_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/project-iris/iris/plugins"
	"github.com/project-iris/iris/transport"
	"github.com/project-iris/iris/transport/identity/identitytest"
)

// A plugin that lies about where it listens is refused, and killed.
func TestLiesAboutAddresses(t *testing.T) {
	node, path := identitytest.NewNetwork(t, "net").Node(t), install(t, hostileName)
	for _, mode := range []string{
		"smuggles an address", "has a long address", "has no address", "has a line break", "has no port", "does not say where",
	} {
		t.Run(mode, func(t *testing.T) {
			made := start(t, node, path, withMode(mode), quick)
			before := made.PID()
			_, err := made.Listen(t.Context(), "127.0.0.1:0")
			if !errors.Is(err, plugins.ErrProtocol) || !errors.Is(err, transport.ErrNetwork) || len(err.Error()) > 1000 {
				t.Errorf("listen: %.1000v; want ErrProtocol", err)
			}
			eventually(t, "another process", func() bool { now := made.PID(); return now != 0 && now != before })
		})
	}
	t.Run("has a huge address", func(t *testing.T) { // which is not even received
		made := start(t, node, path, withMode("has a huge address"))
		if _, err := made.Listen(t.Context(), "127.0.0.1:0"); err == nil || !strings.Contains(err.Error(), "larger than max") {
			t.Errorf("listen: %.1000v", err)
		}
	})
}

// A plugin that lies about its data socket is refused when it starts.
func TestLiesAboutTheDataSocket(t *testing.T) {
	node, path := identitytest.NewNetwork(t, "net").Node(t), install(t, hostileName)
	for _, mode := range []string{
		"has no data socket", "has somebody else's data socket", "has a data socket on the network", "has a huge data socket",
	} {
		t.Run(mode, func(t *testing.T) {
			_, err := try(t, node, path, withMode(mode))
			if !errors.Is(err, plugins.ErrProtocol) || !strings.Contains(err.Error(), "data socket") || len(err.Error()) > 1000 {
				t.Errorf("%.1000v; want ErrProtocol", err)
			}
		})
	}
}

// A plugin that breaks the protocol on a dial is told from a bad network, in a bounded
// time and text, and the node goes on.
func TestHostileDials(t *testing.T) {
	node, path := identitytest.NewNetwork(t, "net").Node(t), install(t, hostileName)
	for _, row := range []struct {
		mode    string
		want    error
		killed  bool
		contain string
		waits   bool // for the end of the time that a dial may take
	}{
		{"exits", transport.ErrNetwork, true, "", false},
		{"never dials", transport.ErrNetwork, false, "", true},
		{"complains at length", transport.ErrNetwork, false, "wolf!", false},
		{"names ends at length", plugins.ErrProtocol, true, "1000 bytes", false},
		{"does not listen for bytes", transport.ErrNetwork, false, "", false},
		{"carries nothing", transport.ErrNetwork, false, "", true},
		{"exits before the first byte", transport.ErrNetwork, true, "", false},
		{"exits after half a record", transport.ErrNetwork, true, "", false},
		{"writes no more", transport.ErrNetwork, false, "", false},
		{"reads no more", transport.ErrNetwork, false, "", false},
		{"carries garbage", transport.ErrRefused, false, "does not look like a TLS handshake", false},
	} {
		t.Run(row.mode, func(t *testing.T) {
			dialTimeout, wait := patience, 2*patience
			if row.waits {
				dialTimeout, wait = 500*time.Millisecond, time.Second
			}
			made := start(t, node, path, withMode(row.mode), quick, func(c *plugins.Config) { c.DialTimeout = dialTimeout })
			before := made.PID()
			ctx, cancel := context.WithTimeout(t.Context(), wait)
			defer cancel()
			_, err := made.Dial(ctx, "127.0.0.1:9", transport.PeerID{})
			late := errors.Is(err, context.DeadlineExceeded)
			if !errors.Is(err, row.want) && !late || late && !row.waits ||
				!strings.Contains(err.Error(), row.contain) || len(err.Error()) > 1000 {
				t.Errorf("dial: %.1000v; want %v with %q", err, row.want, row.contain)
			}
			if row.killed {
				eventually(t, "another process", func() bool { now := made.PID(); return now != 0 && now != before })
			} else if made.PID() != before {
				t.Error("the plugin was killed")
			}
			eventually(t, "no connection is left", func() bool { return made.Conns() == 0 })
		})
	}
}

// Connections without end cost a bounded number of places, and no others.
func TestFloodOfConnections(t *testing.T) {
	const most = 50
	node := identitytest.NewNetwork(t, "net").Node(t)
	made := start(t, node, install(t, hostileName), withMode("floods connections"), func(c *plugins.Config) { c.MaxConns = most })
	listener := listen(t, made)
	eventually(t, "a full house", func() bool { return made.Conns() > most/2 })
	for range 100 {
		if got := made.Conns(); got > most {
			t.Fatalf("%d connections, want %d at most", got, most)
		}
		pause(t.Context())
	}
	if err := listener.Close(); err != nil {
		t.Error(err)
	}
}

func TestAcceptsWithoutAnID(t *testing.T) {
	book := &logbook{}
	node := identitytest.NewNetwork(t, "net").Node(t)
	made := start(t, node, install(t, hostileName), withMode("accepts without an id"), withLog(book), quick)
	listen(t, made)
	eventually(t, "a restart", func() bool { return made.Restarts() > 0 })
	if len(book.lines("an id of 0 bytes")) == 0 {
		t.Error("the log does not say why")
	}
}

// Whatever a plugin writes, its node logs a bounded number of lines, says which plugin it
// was, and works on.
func TestFloodOfLog(t *testing.T) {
	for _, mode := range []string{"floods the log", "floods standard output"} {
		t.Run(mode, func(t *testing.T) {
			book := &logbook{}
			node := identitytest.NewNetwork(t, "net").Node(t)
			began := time.Now()
			made := start(t, node, install(t, hostileName), withMode(mode), withLog(book))
			eventually(t, "lines", func() bool { return len(book.lines("no play")) >= 100 })
			for range 5 {
				listen(t, made)
			}
			_ = made.Close()
			lines, most := len(book.lines("no play")), 100+10*(1+int(time.Since(began).Seconds()))
			if lines > most {
				t.Errorf("%d lines, want %d at most", lines, most)
			}
			if named := len(book.lines("plugin=hostile")); named < lines {
				t.Errorf("%d of %d lines name the plugin", named, lines)
			}
		})
	}
}
