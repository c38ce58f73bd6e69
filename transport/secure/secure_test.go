package secure_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"log/slog"
	"net"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/project-iris/iris/transport"
	"github.com/project-iris/iris/transport/hello"
	"github.com/project-iris/iris/transport/identity/identitytest"
	"github.com/project-iris/iris/transport/secure"
)

// A pipeListener is a net.Listener in memory, for a bubble of time.
type pipeListener struct {
	conns  chan net.Conn
	errs   chan error
	closed chan struct{}
	once   sync.Once
}

func newPipeListener() *pipeListener {
	return &pipeListener{conns: make(chan net.Conn), errs: make(chan error), closed: make(chan struct{})}
}

func (l *pipeListener) Accept() (net.Conn, error) {
	select {
	case conn := <-l.conns:
		return conn, nil
	case err := <-l.errs:
		return nil, err
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

func (l *pipeListener) Close() error {
	l.once.Do(func() { close(l.closed) })
	return nil
}

func (l *pipeListener) Addr() net.Addr { return pipeAddr{} }

type pipeAddr struct{}

func (pipeAddr) Network() string { return "pipe" }

func (pipeAddr) String() string { return "pipe" }

// connect returns the dialling end of a new connection.
func (l *pipeListener) connect() net.Conn {
	ours, theirs := net.Pipe()
	l.conns <- theirs
	return ours
}

// endpoint returns an endpoint that closes with the test.
func endpoint(t *testing.T, config secure.Config) *secure.Endpoint {
	t.Helper()
	e := secure.New(config)
	t.Cleanup(func() { _ = e.Close() })
	return e
}

// serve makes an endpoint listen in memory.
func serve(t *testing.T, e *secure.Endpoint) (*pipeListener, *secure.Listener) {
	t.Helper()
	pipes := newPipeListener()
	listener, err := e.Listen(pipes)
	if err != nil {
		t.Fatal(err)
	}
	return pipes, listener
}

func isSilent(err error) bool {
	failed, ok := errors.AsType[*transport.NetworkError](err)
	return ok && failed.Silent
}

// A peer that connects and says nothing, at any stage, is given up in time, and
// stands in nobody's way.
func TestSilentPeersAreGivenUp(t *testing.T) {
	rows := []struct {
		name  string
		say   func(t *testing.T, conn net.Conn, network *identitytest.Network)
		after time.Duration
	}{
		{"before TLS", func(*testing.T, net.Conn, *identitytest.Network) {}, secure.DefaultHandshakeTimeout},
		{"after TLS", func(t *testing.T, conn net.Conn, network *identitytest.Network) {
			session := tls.Client(conn, network.Impostor(t))
			if err := session.HandshakeContext(t.Context()); err != nil {
				t.Error(err)
			}
			_, _ = io.Copy(io.Discard, session)
		}, hello.Timeout},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var log bytes.Buffer
				network := identitytest.NewNetwork(t, "net")
				e := endpoint(t, secure.Config{
					Identity: network.Node(t), Logger: slog.New(slog.NewTextHandler(&log, nil)),
					KeepAlive: time.Hour, // or it would be given up for that
				})
				pipes, listener := serve(t, e)
				start := time.Now()
				conn := pipes.connect()
				var peer sync.WaitGroup
				peer.Go(func() { row.say(t, conn, network) })
				other := endpoint(t, secure.Config{Identity: network.Node(t), KeepAlive: time.Hour})
				if _, err := other.Dial(t.Context(), pipes.connect(), "pipe", transport.PeerID{}); err != nil {
					t.Fatal(err)
				}
				if _, err := listener.Accept(t.Context()); err != nil {
					t.Fatal(err)
				}
				peer.Wait()
				if _, err := conn.Read(make([]byte, 1)); err != io.EOF {
					t.Error(err)
				}
				synctest.Wait()
				if took := time.Since(start); took < row.after || took > row.after+2*time.Second {
					t.Errorf("given up after %v, want %v", took, row.after)
				}
				if e.Refused() != 1 || !strings.Contains(log.String(), "no answer") {
					t.Errorf("%d refused, log %q", e.Refused(), log.String())
				}
			})
		})
	}
}

// A dial to a peer that says nothing ends by itself, without a deadline.
func TestDialToASilentPeerEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := endpoint(t, secure.Config{Identity: identitytest.NewNetwork(t, "net").Node(t)})
		ours, theirs := net.Pipe()
		defer theirs.Close()
		if _, err := e.Dial(t.Context(), ours, "pipe", transport.PeerID{}); !isSilent(err) {
			t.Error(err)
		}
	})
}

// A cable that is pulled: what is sent goes nowhere, and nothing comes.
func TestPulledCableIsNoticed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		network := identitytest.NewNetwork(t, "net")
		pipes, listener := serve(t, endpoint(t, secure.Config{Identity: network.Node(t)}))
		ours, theirs := net.Pipe()
		defer ours.Close()
		defer theirs.Close()
		pulled := make(chan struct{})
		pipes.conns <- &cable{Conn: theirs, pulled: pulled}
		dialler := endpoint(t, secure.Config{Identity: network.Node(t)})
		dialled, err := dialler.Dial(t.Context(), &cable{Conn: ours, pulled: pulled}, "pipe", transport.PeerID{})
		if err != nil {
			t.Fatal(err)
		}
		accepted, err := listener.Accept(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Hour)
		if err := dialled.Context().Err(); err != nil {
			t.Fatal(context.Cause(dialled.Context()))
		}
		close(pulled)
		start := time.Now()
		for side, link := range map[string]transport.Link{"dialled": dialled, "accepted": accepted} {
			<-link.Context().Done()
			if took := time.Since(start); took > 4*secure.DefaultKeepAlive+time.Second {
				t.Errorf("%s: noticed after %v", side, took)
			}
			if cause := context.Cause(link.Context()); !isSilent(cause) {
				t.Errorf("%s: %v", side, cause)
			}
		}
	})
}

// A cable is one end of a connection that loses everything once it is pulled,
// the news of its own closing included.
type cable struct {
	net.Conn
	pulled chan struct{}
}

func (c *cable) isPulled() bool {
	select {
	case <-c.pulled:
		return true
	default:
		return false
	}
}

func (c *cable) Close() error {
	if c.isPulled() {
		return nil
	}
	return c.Conn.Close()
}

func (c *cable) Write(b []byte) (int, error) {
	if c.isPulled() {
		return len(b), nil
	}
	return c.Conn.Write(b)
}

// Errors of accept pass: no file descriptors for a while, and then there are
// some again.
func TestAcceptSurvivesErrors(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		network := identitytest.NewNetwork(t, "net")
		pipes, listener := serve(t, endpoint(t, secure.Config{
			Identity: network.Node(t), Logger: slog.New(slog.NewTextHandler(&log, nil)),
		}))
		start := time.Now()
		for range 20 {
			pipes.errs <- &net.OpError{Op: "accept", Net: "tcp", Err: syscall.EMFILE}
		}
		if took := time.Since(start); took < 5*time.Second || took > 30*time.Second {
			t.Errorf("20 errors took %v: want it to slow down, and not too much", took)
		}
		other := endpoint(t, secure.Config{Identity: network.Node(t)})
		if _, err := other.Dial(t.Context(), pipes.connect(), "pipe", transport.PeerID{}); err != nil {
			t.Fatal(err)
		}
		if _, err := listener.Accept(t.Context()); err != nil {
			t.Fatal(err)
		}
		if lines := strings.Count(log.String(), "\n"); lines != 1 {
			t.Errorf("%d lines logged: %s", lines, log.String())
		}
	})
}

func TestAcceptFailsWhenTheListenerBelowIsGone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		pipes, listener := serve(t, endpoint(t, secure.Config{Identity: identitytest.NewNetwork(t, "net").Node(t)}))
		_ = pipes.Close()
		if _, err := listener.Accept(t.Context()); !errors.Is(err, transport.ErrNetwork) {
			t.Error(err)
		}
	})
}

// Close ends handshakes that would take long.
func TestCloseEndsHandshakes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		node := identitytest.NewNetwork(t, "net").Node(t)
		e := endpoint(t, secure.Config{Identity: node})
		pipes, _ := serve(t, e)
		silent := pipes.connect()
		defer silent.Close()
		ours, theirs := net.Pipe()
		defer theirs.Close()
		failed := make(chan error, 1)
		go func() {
			_, err := e.Dial(t.Context(), ours, "pipe", transport.PeerID{})
			failed <- err
		}()
		synctest.Wait()
		start := time.Now()
		_ = e.Close()
		if took := time.Since(start); took > time.Second {
			t.Errorf("Close took %v", took)
		}
		if err := <-failed; !errors.Is(err, transport.ErrClosed) {
			t.Errorf("the dial ended with %v", err)
		}
	})
}
