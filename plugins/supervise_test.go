package plugins_test

import (
	"context"
	"errors"
	"io"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/project-iris/iris/plugins"
	"github.com/project-iris/iris/tcp"
	"github.com/project-iris/iris/transport"
	"github.com/project-iris/iris/transport/choose"
	"github.com/project-iris/iris/transport/identity/identitytest"
)

func kill(t *testing.T, pid int) {
	t.Helper()
	process, err := os.FindProcess(pid)
	if err == nil {
		err = process.Kill()
	}
	if err != nil {
		t.Fatal(err)
	}
}

// A plugin that is killed takes its links along, is started again, and listens where it
// did. So both sides do when theirs is killed, and again and again.
func TestKilled(t *testing.T) {
	book := &logbook{}
	w := startTwo(t, quick, withLog(book))
	addr := w.listener.Addr()
	for round := range uint64(2) {
		for _, victim := range []*plugins.Transport{w.a, w.b} {
			a, b := w.link()
			expectAlive(t, a, b, "hello")
			kill(t, victim.PID())
			expectEnd(t, a, transport.ErrNetwork)
			expectEnd(t, b, transport.ErrNetwork)
			eventually(t, "a restart", func() bool { return victim.PID() != 0 && victim.Restarts() == round+1 })
			if victim.Conns() != 0 {
				t.Errorf("%d connections are left", victim.Conns())
			}
		}
	}
	a, b := w.link()
	expectAlive(t, b, a, "again")
	if w.listener.Addr() != addr {
		t.Errorf("it listens at %s, before at %s", w.listener.Addr(), addr)
	}
	if len(book.lines("plugin is down")) != 4 || len(book.lines("plugin is up again")) != 4 || len(book.lines("signal: killed")) != 4 ||
		len(book.lines("does not listen")) > 0 {
		t.Errorf("the log says %q", book.lines("plugin"))
	}
	for _, again := range []string{"again_in=10ms", "again_in=20ms"} {
		if len(book.lines(again)) != 2 {
			t.Errorf("both plugins have a pause %s: %q", again, book.lines("again_in"))
		}
	}
}

// A plugin that uses nothing but gRPC works as one with package sdk. The one service that
// it is asked for in vain is the one of docs/plugins.md: calls of a plugin to its node, in
// particular, are not asked for.
func TestABarePlugin(t *testing.T) {
	book := &logbook{}
	network := identitytest.NewNetwork(t, "net")
	path := install(t, bareName)
	w := &two{T: t, network: network, a: start(t, network.Node(t), path, withLog(book)), b: start(t, network.Node(t), path)}
	w.listener = listen(t, w.b)
	a, b := w.link()
	expectAlive(t, a, b, strings.Repeat("one way ", 100_000))
	expectAlive(t, b, a, strings.Repeat("and back ", 100_000))
	_ = w.a.Close()
	if got := book.lines("unknown method"); len(got) != 1 || !strings.Contains(got[0], "/plugin.GRPCStdio/StreamStdio") {
		t.Errorf("the node tried %q", got)
	}
}

// A plugin that closes one half of a socket in the middle of a link costs that link, at both nodes, and no other.
func TestADataSocketThatIsHalfClosed(t *testing.T) {
	network := identitytest.NewNetwork(t, "net")
	path := install(t, bareName)
	for _, half := range []string{"read", "write"} {
		t.Run(half, func(t *testing.T) {
			w := &two{T: t, network: network, b: start(t, network.Node(t), path), a: start(t, network.Node(t), path, quick, func(c *plugins.Config) {
				c.Options = map[string]string{"half": half}
			})}
			w.listener = listen(t, w.b)
			before := w.a.PID()
			a, b := w.link()
			other, there := w.link()
			stream, err := a.Open(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			var reading sync.WaitGroup
			reading.Go(func() {
				if accepted, err := b.Accept(t.Context()); err == nil {
					_, _ = io.Copy(io.Discard, accepted)
				}
			})
			for err == nil {
				_, err = stream.Write(make([]byte, 16<<10))
			}
			expectEnd(t, a, transport.ErrNetwork)
			expectEnd(t, b, transport.ErrNetwork)
			reading.Wait()
			expectAlive(t, other, there, "few bytes")
			if w.a.PID() != before {
				t.Error("the plugin was given up")
			}
		})
	}
}

// A plugin that answers, and not that it is well, is started again.
func TestBadHealth(t *testing.T) {
	node, path := identitytest.NewNetwork(t, "net").Node(t), install(t, bareName)
	for health, want := range map[string]string{"bad": "NOT_SERVING", "not known": "unknown service"} {
		t.Run(health, func(t *testing.T) {
			book := &logbook{}
			made := start(t, node, path, quick, withLog(book), func(c *plugins.Config) { c.Options = map[string]string{"health": health} })
			eventually(t, "a restart", func() bool { return made.Restarts() > 0 })
			if len(book.lines(want)) == 0 {
				t.Errorf("the log says %q, want %q", book.lines("plugin"), want)
			}
		})
	}
}

// While a plugin is down, its transport fails at once, and peers are reached over another
// one.
func TestOtherTransportsGoOn(t *testing.T) {
	network := identitytest.NewNetwork(t, "net")
	path := install(t, plainName)
	forEver := func(c *plugins.Config) { c.MinPause = time.Hour }
	var pair [2]*choose.Transport
	var over [2]*plugins.Transport
	for i := range pair {
		id := network.Node(t)
		over[i] = start(t, id, path, forEver)
		made, err := choose.New(choose.Config{Transports: []transport.Transport{over[i], tcp.New(tcp.Config{Identity: id})}})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = made.Close() })
		pair[i] = made
	}
	listener := listen(t, pair[1])
	kill(t, over[0].PID())
	eventually(t, "it is down", func() bool { return over[0].PID() == 0 })

	_, err := over[0].Dial(t.Context(), "127.0.0.1:9", transport.PeerID{})
	if !errors.Is(err, plugins.ErrDown) || !errors.Is(err, transport.ErrNetwork) {
		t.Errorf("dial over the plugin: %v; want ErrDown", err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	a, err := pair[0].Dial(ctx, listener.Addr(), transport.PeerID{})
	if err != nil {
		t.Fatal(err)
	}
	b, err := listener.Accept(ctx)
	if err != nil {
		t.Fatal(err)
	}
	expectAlive(t, a, b, "over TCP")
}

// What is started again is checked again: a file that was replaced is not run.
func TestReplacedWhileRunning(t *testing.T) {
	path := install(t, plainName)
	sum := checksum(t, path)
	node := identitytest.NewNetwork(t, "net").Node(t)
	made := start(t, node, path, quick, func(c *plugins.Config) { c.SHA256 = sum })
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	write(t, path, []byte("#!/bin/sh\nexec sleep 60\n"), 0o755)
	kill(t, made.PID())
	eventually(t, "the checksum is refused", func() bool {
		_, err := made.Dial(t.Context(), "127.0.0.1:9", transport.PeerID{})
		return errors.Is(err, plugins.ErrChecksum)
	})
}

// Other nodes are told the address that the plugin says they can reach.
func TestAdvertisedAddress(t *testing.T) {
	node := identitytest.NewNetwork(t, "net").Node(t)
	made := start(t, node, install(t, plainName), func(c *plugins.Config) { c.Options = map[string]string{"advertise": "gate.example:443"} })
	if got := listen(t, made).Addr(); got != "gate.example:443" {
		t.Errorf("it listens at %s", got)
	}
}

// A plugin that listens elsewhere after its restart is not taken for one that listens where
// the other nodes look for it.
func TestListensElsewhereAfterARestart(t *testing.T) {
	book := &logbook{}
	node := identitytest.NewNetwork(t, "net").Node(t)
	made := start(t, node, install(t, hostileName), withMode("moves"), quick, withLog(book))
	addr := listen(t, made).Addr()
	kill(t, made.PID())
	eventually(t, "it is told", func() bool { return len(book.lines("and not at "+addr)) > 0 })
}

// No directory for sockets outlives its process, whether the plugin was killed, ended, or
// never worked.
func TestNoDirectoryIsLeft(t *testing.T) {
	needUnix(t)
	sockets, err := os.MkdirTemp("", "iris") // as the paths of sockets are short
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(sockets)
	node, path := identitytest.NewNetwork(t, "net").Node(t), install(t, plainName)
	t.Setenv("TMPDIR", sockets)
	left := func() int {
		entries, err := os.ReadDir(sockets)
		if err != nil {
			t.Fatal(err)
		}
		return len(entries)
	}
	before := left()
	if _, err := try(t, node, path, func(c *plugins.Config) { c.Options = map[string]string{"colour": "red"} }); err == nil {
		t.Fatal("it takes any option")
	}
	made := start(t, node, path, quick)
	kill(t, made.PID())
	eventually(t, "a restart", func() bool { return made.Restarts() > 0 })
	if got := left(); got != before+1 {
		t.Errorf("%d directories while one plugin runs", got-before)
	}
	kill(t, made.PID())
	_ = made.Close()
	if got := left(); got != before {
		t.Errorf("%d directories are left", got-before)
	}
}
