package relay_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/project-iris/iris/relay"
	"github.com/project-iris/iris/relay/wire"
)

const (
	chunkLimit = 64 << 10 // the longest chunk that the relay announces, in bytes
	window     = 4 << 20  // the first allowance that the relay grants, in bytes
)

// node is a relay on a fake network, for one test.
type node struct {
	t        *testing.T
	relay    *relay.Relay
	mesh     *fakeMesh // nil on a real network
	log      *logbook
	listener *door
	far      *node  // where services attach; nil: here
	addr     string // on a real network
}

// inBubble runs a test of a relay where time is virtual and passes when everything
// waits. It fails if a goroutine or a stream is left at the end.
func inBubble(t *testing.T, config relay.Config, test func(t *testing.T, n *node)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		n := newNode(t, config)
		served := make(chan error, 1)
		go func() { served <- n.relay.Serve(n.listener) }()
		t.Cleanup(func() {
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			n.close(context.WithoutCancel(ctx))
			if err := <-served; err != nil {
				t.Errorf("Serve: %v", err)
			}
		})
		test(t, n)
	})
}

func newNode(t *testing.T, config relay.Config) *node {
	n := &node{t: t, mesh: &fakeMesh{}, log: &logbook{}, listener: newDoor()}
	config.Mesh = n.mesh
	config.Logger = slog.New(slog.NewTextHandler(n.log, &slog.HandlerOptions{Level: slog.LevelInfo}))
	n.relay = relay.New(config)
	return n
}

// close closes the relay and checks that it has let go of everything.
func (n *node) close(ctx context.Context) {
	n.t.Helper()
	n.relay.Close(ctx)
	if open := n.mesh.streams.Load(); open != 0 {
		n.t.Errorf("%d ends of tunnels were not closed", open)
	}
	n.mesh.mu.Lock()
	defer n.mesh.mu.Unlock()
	for _, m := range n.mesh.members {
		if !m.isClosed() {
			n.t.Errorf("a member of %q was not detached", m.cluster)
		}
	}
	if attached := n.relay.Stats().Attached; attached != 0 {
		n.t.Errorf("Stats says that %d applications are attached", attached)
	}
}

// application is a scripted application. Its reads and writes are those of the
// test: it takes from its connection what the test expects, and nothing else.
type application struct {
	t      *testing.T
	conn   net.Conn
	reader *wire.Reader
	member *fakeMember   // once it is attached to a fake network
	name   string        // that the relay's log has for it
	quiet  time.Duration // without a frame, after which none is taken to be on its way
}

// dial connects an application, which says nothing yet.
func (n *node) dial() *application {
	a := newApplication(n.t, n.listener.dial())
	a.name = n.listener.lastName()
	if n.mesh == nil {
		a.quiet = realQuiet
	}
	return a
}

func newApplication(t *testing.T, conn net.Conn) *application {
	t.Cleanup(func() { conn.Close() })
	return &application{t: t, conn: conn, quiet: time.Second, reader: wire.NewReader(conn, wire.FromRelay, wire.Limits{Payload: 1 << 30})}
}

// attach connects an application, which serves the cluster unless it is empty.
func (n *node) attach(cluster string) *application {
	n.t.Helper()
	if n.far != nil && cluster != "" {
		return n.far.attach(cluster)
	}
	a := n.dial()
	a.send(hello(cluster))
	a.expect(&wire.Accept{Version: []byte(wire.Version)})
	if n.mesh != nil {
		a.member = n.mesh.last()
	}
	return a
}

func hello(cluster string) *wire.Init {
	return &wire.Init{Version: []byte(wire.Version), Cluster: []byte(cluster)}
}

// send sends frames in one write.
func (a *application) send(messages ...wire.Message) {
	a.t.Helper()
	var b []byte
	for _, m := range messages {
		b = m.Append(b)
	}
	a.write(b)
}

func (a *application) write(b []byte) {
	a.t.Helper()
	if _, err := a.conn.Write(b); err != nil {
		a.t.Fatalf("application cannot write: %v", err)
	}
}

// read returns the next frame. It waits as long as it must, in virtual time.
func (a *application) read() wire.Message {
	a.t.Helper()
	m, err := a.reader.Read()
	if err != nil {
		a.t.Fatalf("application waits for a frame: %v", err)
	}
	return m
}

// expect reads frames and compares them.
func (a *application) expect(want ...wire.Message) {
	a.t.Helper()
	for _, want := range want {
		if got := a.read(); !same(got, want) {
			a.t.Fatalf("application got %s, want %s", show(got), show(want))
		}
	}
}

// expectNothing checks that no frame waits for the application, nor comes within a
// second of virtual time.
func (a *application) expectNothing() {
	a.t.Helper()
	a.conn.SetReadDeadline(time.Now().Add(a.quiet))
	m, err := a.reader.Read()
	if err == nil {
		a.t.Fatalf("application got %s, want nothing", show(m))
	}
	if !errors.Is(err, os.ErrDeadlineExceeded) {
		a.t.Fatalf("application waits for nothing: %v", err)
	}
	a.conn.SetReadDeadline(time.Time{})
	a.reader = wire.NewReader(a.conn, wire.FromRelay, wire.Limits{})
}

// expectEnd checks that the relay has ended the connection, after its last frame.
func (a *application) expectEnd() {
	a.t.Helper()
	if m, err := a.reader.Read(); err == nil {
		a.t.Fatalf("application got %s, want the end of the stream", show(m))
	} else if !errors.Is(err, io.EOF) {
		a.t.Fatalf("application waits for the end of the stream: %v", err)
	}
}

// expectAlive checks that the application is attached and served.
func (a *application) expectAlive() {
	a.t.Helper()
	if a.member == nil {
		a.expectOwnEvent()
		return
	}
	a.send(&wire.Publish{Topic: []byte("alive"), Event: []byte("?")})
	a.member.expect(a.t, "publish alive: ?")
	a.member.app.HandleEvent([]byte("alive"), []byte("!"))
	a.expect(&wire.Publish{Topic: []byte("alive"), Event: []byte("!")})
}

// same reports whether two frames are the same, to the byte.
func same(a, b wire.Message) bool { return bytes.Equal(a.Append(nil), b.Append(nil)) }

func show(m wire.Message) string { return fmt.Sprintf("%v %.100q", m.Op(), m.Append(nil)[1:]) }

// door is a listener that accepts connections that buffer nothing, with names in place of
// addresses: app-1, app-2 and so on.
type door struct {
	conns  chan net.Conn
	dialed []*namedConn // the relay's ends
	closed chan struct{}
	once   sync.Once
}

func newDoor() *door {
	return &door{conns: make(chan net.Conn), closed: make(chan struct{})}
}

func (l *door) dial() net.Conn {
	near, far := net.Pipe()
	conn := &namedConn{Conn: far, name: name(fmt.Sprintf("app-%d", len(l.dialed)+1))}
	l.dialed = append(l.dialed, conn)
	l.conns <- conn
	return near
}

// lastName returns the name of the connection that was dialled last.
func (l *door) lastName() string { return string(l.dialed[len(l.dialed)-1].name) }

func (l *door) Accept() (net.Conn, error) {
	select {
	case conn := <-l.conns:
		return conn, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

func (l *door) Close() error {
	l.once.Do(func() { close(l.closed) })
	return nil
}

func (l *door) Addr() net.Addr { return name("listener") }

// namedConn is a connection with a remote address of its own. While it records, it
// keeps what was written, write by write.
type namedConn struct {
	net.Conn
	name   name
	record atomic.Bool

	mu     sync.Mutex
	writes [][]byte
}

func (c *namedConn) Write(b []byte) (int, error) {
	if c.record.Load() {
		c.mu.Lock()
		c.writes = append(c.writes, bytes.Clone(b))
		c.mu.Unlock()
	}
	return c.Conn.Write(b)
}

func (c *namedConn) RemoteAddr() net.Addr { return c.name }

type name string

func (n name) Network() string { return "pipe" }
func (n name) String() string  { return string(n) }

// logbook keeps the lines that a relay logs.
type logbook struct {
	mu    sync.Mutex
	lines []string
}

func (l *logbook) Write(line []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lines = append(l.lines, strings.TrimSpace(string(line)))
	return len(line), nil
}

// expect checks that there is one line since the last time, with all these parts.
// Without parts, it checks that there is none.
func (l *logbook) expect(t *testing.T, parts ...string) {
	t.Helper()
	l.mu.Lock()
	defer l.mu.Unlock()
	lines := l.lines
	l.lines = nil
	if want := min(len(parts), 1); len(lines) != want {
		t.Fatalf("%d lines were logged, want %d:\n%s", len(lines), want, strings.Join(lines, "\n"))
	}
	for _, part := range parts {
		if !strings.Contains(lines[0], part) {
			t.Errorf("log says %q, want something with %q", lines[0], part)
		}
	}
}
