package hello_test

import (
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

var dialler, acceptor = transport.PeerID{1}, transport.PeerID{2}

func TestBothSidesAgree(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := streamPair(t)
		answered := make(chan uint16, 1)
		go func() {
			version, err := hello.Answer(t.Context(), dialler, b, transport.Versions{Oldest: 2, Newest: 3})
			if err != nil {
				t.Errorf("answer: %v", err)
			}
			answered <- version
		}()
		version, err := hello.Greet(t.Context(), acceptor, a, transport.Versions{Oldest: 1, Newest: 2})
		if err != nil || version != 2 {
			t.Errorf("greet: version %d, %v", version, err)
		}
		if got := <-answered; got != 2 {
			t.Errorf("answer: version %d", got)
		}
	})
}

// An acceptor that answers with versions which the dialler does not speak, as one does
// that did not look at the dialler's, gets no link either.
func TestAnAnswerIsCheckedToo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, _ := streamPair(t)
		_, err := hello.Greet(t.Context(), acceptor, &rewritten{a, "\x00\x02\x00\x01"}, transport.Versions{Oldest: 2, Newest: 3})
		want := transport.VersionError{Peer: acceptor, Theirs: transport.Versions{Oldest: 1, Newest: 1}, Ours: transport.Versions{Oldest: 2, Newest: 3}}
		if got, ok := errors.AsType[*transport.VersionError](err); !ok || *got != want {
			t.Errorf("greet: %v", err)
		}
	})
}

// rewritten is a stream on which something else is read than was sent.
type rewritten struct {
	transport.Stream
	text string
}

func (r *rewritten) Read(b []byte) (int, error) {
	n := copy(b, r.text)
	if r.text = r.text[n:]; n == 0 {
		return 0, io.EOF
	}
	return n, nil
}

func TestWhatIsTaken(t *testing.T) {
	version := "\x00\x01"
	rows := []struct {
		name, bytes string
		want        error // nil for good ones
	}{
		{"nothing but the version", frame(version), nil},
		{"unknown fields", frame(version + field(9, "new") + field(200, "")), nil},
		{"an oldest version", frame("\x00\x09" + field(1, "\x00\x01")), nil},
		{"an oldest version of one byte", frame(version + field(1, "\x01")), hello.ErrMalformed},
		{"an oldest version of three bytes", frame(version + field(1, "\x00\x00\x01")), hello.ErrMalformed},
		{"older than its oldest version", frame(version + field(1, "\x00\x02")), hello.ErrMalformed},
		{"as large as can be", frame(version + field(9, strings.Repeat("x", hello.MaxSize-5))), nil},
		{"too large", frame(version + field(9, strings.Repeat("x", hello.MaxSize-4))), hello.ErrTooLarge},
		{"claims much, sends nothing", "\xff\xff", hello.ErrTooLarge},
		{"empty stream", "", hello.ErrMalformed},
		{"half a length", "\x00", hello.ErrMalformed},
		{"empty hello", frame(""), hello.ErrMalformed},
		{"cut off", frame(version)[:3], hello.ErrMalformed},
		{"more after it", frame(version) + "x", hello.ErrMalformed},
		{"a field without length", frame(version + "\x09\x00"), hello.ErrMalformed},
		{"a field that is cut off", frame(version + "\x09\x00\x05abcd"), hello.ErrMalformed},
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
				_, err := hello.Answer(t.Context(), dialler, b, transport.Versions{Oldest: 1, Newest: 1})
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
		if _, err := hello.Greet(ctx, acceptor, a, transport.Versions{}); !errors.Is(err, context.DeadlineExceeded) {
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
		if _, err := hello.Answer(ctx, dialler, b, transport.Versions{}); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("answer: %v", err)
		}
		if took := time.Since(begin); took != hello.Timeout {
			t.Errorf("took %v", took)
		}
	})
}

// What Append writes is what Parse reads.
func TestAppend(t *testing.T) {
	for _, row := range []struct {
		versions transport.Versions
		bytes    string
	}{
		{transport.Versions{}, "\x00\x02\x00\x00"},
		{transport.Versions{Oldest: 1, Newest: 1}, "\x00\x02\x00\x01"},
		{transport.Versions{Oldest: 1, Newest: 258}, "\x00\x07\x01\x02\x01\x00\x02\x00\x01"},
	} {
		got := hello.Append(nil, row.versions)
		if string(got) != row.bytes {
			t.Errorf("%v: %q, want %q", row.versions, got, row.bytes)
		}
		if parsed, err := hello.Parse(got[2:]); err != nil || parsed != row.versions {
			t.Errorf("%v: parsed as %v, %v", row.versions, parsed, err)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte("\x00\x01"))
	f.Add([]byte("\x00\x03\x01\x00\x02\x00\x01"))
	f.Add([]byte("\x00\x01\x09\x00\x01x"))
	f.Fuzz(func(t *testing.T, body []byte) {
		parsed, err := hello.Parse(body)
		if err != nil {
			return
		}
		if parsed.Oldest > parsed.Newest {
			t.Errorf("%x parsed as %v", body, parsed)
		}
		again, err := hello.Parse(hello.Append(nil, parsed)[2:])
		if err != nil || again != parsed {
			t.Errorf("%x parsed as %v, then %v, %v", body, parsed, again, err)
		}
	})
}
