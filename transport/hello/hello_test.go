package hello_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/project-iris/iris/transport"
	"github.com/project-iris/iris/transport/hello"
	"github.com/project-iris/iris/transport/mem"
)

// frame puts the length in front of a body.
func frame(body string) string {
	return string(binary.BigEndian.AppendUint16(nil, uint16(len(body)))) + body
}

// field is one field of a hello.
func field(tag byte, value string) string { return string([]byte{tag}) + frame(value) }

// streamPair is a stream of a link in memory.
func streamPair(t *testing.T) (a, b transport.Stream) {
	t.Helper()
	network := mem.NewNetwork(mem.Config{})
	nodeA, nodeB := network.Node(transport.PeerID{1}), network.Node(transport.PeerID{2})
	t.Cleanup(func() {
		_ = nodeA.Close()
		_ = nodeB.Close()
	})
	listener, err := nodeB.Listen(t.Context(), "b")
	if err != nil {
		t.Fatal(err)
	}
	linkA, err := nodeA.Dial(t.Context(), "b", nodeB.ID())
	if err != nil {
		t.Fatal(err)
	}
	linkB, err := listener.Accept(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if a, err = linkA.Open(t.Context()); err != nil {
		t.Fatal(err)
	}
	return a, &lazy{link: linkB}
}

// lazy accepts its stream when it is first used: a stream arrives with its
// first byte.
type lazy struct {
	transport.Stream
	link   transport.Link
	accept sync.Once
}

func (l *lazy) stream() transport.Stream {
	l.accept.Do(func() { l.Stream, _ = l.link.Accept(context.Background()) })
	return l.Stream
}

func (l *lazy) Read(b []byte) (int, error)     { return l.stream().Read(b) }
func (l *lazy) SetDeadline(at time.Time) error { return l.stream().SetDeadline(at) }

func TestBothSidesSayHello(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := streamPair(t)
		answered := make(chan hello.Hello, 1)
		go func() {
			theirs, err := hello.Answer(t.Context(), b, hello.Hello{Version: 3})
			if err != nil {
				t.Errorf("answer: %v", err)
			}
			answered <- theirs
		}()
		theirs, err := hello.Greet(t.Context(), a, hello.Hello{Version: 2})
		if err != nil || theirs.Version != 3 {
			t.Errorf("greet: %+v, %v", theirs, err)
		}
		if got := <-answered; got.Version != 2 {
			t.Errorf("answer: %+v", got)
		}
	})
}

func TestWhatIsTaken(t *testing.T) {
	version := "\x00\x01"
	rows := []struct {
		name, bytes string
		want        error // nil for good ones
	}{
		{"nothing but the version", frame(version), nil},
		{"unknown fields", frame(version + field(9, "new") + field(200, "")), nil},
		{"as large as can be", frame(version + field(1, strings.Repeat("x", hello.MaxSize-5))), nil},
		{"too large", frame(version + field(1, strings.Repeat("x", hello.MaxSize-4))), hello.ErrTooLarge},
		{"claims much, sends nothing", "\xff\xff", hello.ErrTooLarge},
		{"empty stream", "", hello.ErrMalformed},
		{"half a length", "\x00", hello.ErrMalformed},
		{"empty hello", frame(""), hello.ErrMalformed},
		{"cut off", frame(version)[:3], hello.ErrMalformed},
		{"more after it", frame(version) + "x", hello.ErrMalformed},
		{"a field without length", frame(version + "\x01\x00"), hello.ErrMalformed},
		{"a field that is cut off", frame(version + "\x01\x00\x05abcd"), hello.ErrMalformed},
		{"version 0", frame("\x00\x00"), hello.ErrVersion},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a, b := streamPair(t)
				if _, err := io.WriteString(a, row.bytes); err != nil {
					t.Fatal(err)
				}
				if err := a.CloseWrite(); err != nil {
					t.Fatal(err)
				}
				_, err := hello.Answer(t.Context(), b, hello.Hello{Version: 1})
				if !errors.Is(err, row.want) || (row.want != nil) != errors.Is(err, transport.ErrProtocol) {
					t.Errorf("%v; want %v", err, row.want)
				}
			})
		})
	}
}

func TestSilenceEndsWithTheContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, _ := streamPair(t)
		ctx, cancel := context.WithTimeout(t.Context(), hello.Timeout)
		defer cancel()
		begin := time.Now()
		if _, err := hello.Greet(ctx, a, hello.Hello{Version: 1}); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("greet: %v", err)
		}
		if took := time.Since(begin); took != hello.Timeout {
			t.Errorf("took %v", took)
		}
	})
}

// A peer that begins a hello and falls silent holds its place no longer than the
// context lasts.
func TestAHalfHelloEndsWithTheContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := streamPair(t)
		if _, err := io.WriteString(a, "\x00"); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), hello.Timeout)
		defer cancel()
		begin := time.Now()
		if _, err := hello.Answer(ctx, b, hello.Hello{Version: 1}); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("answer: %v", err)
		}
		if took := time.Since(begin); took != hello.Timeout {
			t.Errorf("took %v", took)
		}
	})
}

func FuzzParse(f *testing.F) {
	f.Add([]byte("\x00\x01"))
	f.Add([]byte("\x00\x01\x01\x00\x01x"))
	f.Fuzz(func(t *testing.T, body []byte) {
		parsed, err := hello.Parse(body)
		if err != nil {
			return
		}
		again := parsed.Append(nil)
		if !bytes.HasPrefix(body, again[2:4]) {
			t.Errorf("%x parsed as %+v", body, parsed)
		}
	})
}
