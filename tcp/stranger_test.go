package tcp_test

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"log/slog"
	"net"
	"testing"
	"time"

	"github.com/project-iris/iris/tcp"
	"github.com/project-iris/iris/transport"
	"github.com/project-iris/iris/transport/identity"
)

const patience = 30 * time.Second

// helloFrames are a hello and the end of its stream as package mux encodes
// them: what either side of a link says first.
var helloFrames = []byte{
	0, 0, 0, 0, 1, 0, 0, 0, 4, 0, 2, 0, 0, // version 0, as transports of tests speak
	1, 0, 0, 0, 1, 0, 0, 0, 0,
}

// A logbook is a slog.Handler that keeps what was logged.
type logbook struct{ lines chan slog.Record }

func newLogbook() *logbook { return &logbook{lines: make(chan slog.Record, 1000)} }

func (b *logbook) Enabled(context.Context, slog.Level) bool { return true }

func (b *logbook) Handle(_ context.Context, record slog.Record) error {
	b.lines <- record
	return nil
}

func (b *logbook) WithAttrs([]slog.Attr) slog.Handler { return b }

func (b *logbook) WithGroup(string) slog.Handler { return b }

// refusal waits for the next line and returns the error in it.
func (b *logbook) refusal(t *testing.T) error {
	t.Helper()
	select {
	case line := <-b.lines:
		var logged error
		line.Attrs(func(a slog.Attr) bool {
			if err, ok := a.Value.Any().(error); ok {
				logged = err
			}
			return true
		})
		return logged
	case <-time.After(patience):
		t.Fatal("nothing was logged")
		return nil
	}
}

// listen starts a node that listens.
func listen(t *testing.T, config tcp.Config) (*tcp.Transport, transport.Listener) {
	t.Helper()
	node := tcp.New(config)
	t.Cleanup(func() { _ = node.Close() })
	listener, err := node.Listen(t.Context(), "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return node, listener
}

// join dials a listener as a node and returns both ends of the link.
func join(t *testing.T, from *identity.Identity, listener transport.Listener) (dialled, accepted transport.Link) {
	t.Helper()
	node := tcp.New(tcp.Config{Identity: from})
	t.Cleanup(func() { _ = node.Close() })
	dialled, err := node.Dial(t.Context(), listener.Addr(), transport.PeerID{})
	if err != nil {
		t.Fatal(err)
	}
	return dialled, accept(t, listener)
}

func accept(t *testing.T, listener transport.Listener) transport.Link {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	link, err := listener.Accept(ctx)
	if err != nil {
		t.Fatal(err)
	}
	return link
}

// expectNoLink looks for a link that should not be there. A node that was let
// in by mistake is in the queue by the time that its peer has the answer.
func expectNoLink(t *testing.T, listener transport.Listener) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if link, err := listener.Accept(ctx); err == nil {
		t.Errorf("a link to %s is up", link.Peer().Short())
	}
}

// expectAlive checks that a link works, both ways.
func expectAlive(t *testing.T, dialled, accepted transport.Link) {
	t.Helper()
	opened, err := dialled.Open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer opened.Reset(transport.CodeNone)
	_ = opened.SetDeadline(time.Now().Add(patience))
	if _, err := opened.Write([]byte("alive")); err != nil {
		t.Fatal(err)
	}
	stream, err := accepted.Accept(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer stream.Reset(transport.CodeNone)
	_ = stream.SetDeadline(time.Now().Add(patience))
	if _, err := io.ReadFull(stream, make([]byte, 5)); err != nil {
		t.Fatal(err)
	}
}

// stranger connects as config says, says hello, and returns the connection
// and what came of it.
func stranger(t *testing.T, addr string, config *tls.Config) (*tls.Conn, error) {
	t.Helper()
	raw, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	conn := tls.Client(raw, config)
	t.Cleanup(func() { _ = raw.Close() })
	_ = conn.SetDeadline(time.Now().Add(patience))
	if err := greet(conn); err != nil {
		_ = raw.Close()
		return nil, err
	}
	return conn, nil
}

// greet says hello and waits for the other side's.
func greet(conn *tls.Conn) error {
	if _, err := conn.Write(helloFrames); err != nil {
		return err
	}
	return awaitHello(conn)
}

// awaitHello waits for a hello. Pings come in between.
func awaitHello(conn *tls.Conn) error {
	var header [9]byte
	for {
		if _, err := io.ReadFull(conn, header[:]); err != nil {
			return err
		}
		switch header[0] {
		case 0: // data: the hello
			return nil
		case 6, 7, 8: // ping, pong, streams
		default:
			return errors.New("no hello but something else")
		}
	}
}

// strangerServer accepts connections as config says, and says hello.
func strangerServer(t *testing.T, config *tls.Config) (addr string) {
	t.Helper()
	inner, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	t.Cleanup(func() {
		_ = inner.Close()
		<-done
	})
	go func() {
		defer close(done)
		raw, err := inner.Accept()
		if err != nil {
			return
		}
		defer raw.Close()
		conn := tls.Server(raw, config)
		_ = conn.SetDeadline(time.Now().Add(patience))
		if awaitHello(conn) == nil {
			_, _ = conn.Write(helloFrames)
			_, _ = io.Copy(io.Discard, conn)
		}
		_, _ = io.Copy(io.Discard, raw)
	}()
	return inner.Addr().String()
}
