package plugins

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/time/rate"
	"google.golang.org/grpc"

	"github.com/project-iris/iris/plugins/pluginrpc"
)

func TestCheckAddress(t *testing.T) {
	for _, row := range []struct {
		addr string
		good bool
	}{
		{"10.0.0.1:14142", true},
		{"wss://gate.example/iris~!", true},
		{strings.Repeat("x", 255), true},
		{strings.Repeat("x", 256), false},
		{"", false},
		{"10.0.0.1:1,10.0.0.2:1", false},
		{"10.0.0.1:1 10.0.0.2:1", false},
		{"10.0.0.1:1\n", false},
		{"10.0.0.1:1\x7f", false},
		{"gäte.example:1", false},
		{"\xff:1", false},
	} {
		if err := checkAddress(row.addr); errors.Is(err, ErrProtocol) == row.good {
			t.Errorf("%q: %v", row.addr, err)
		}
	}
}

// What a plugin writes becomes lines, however it is cut, none of them long or without end.
func TestLineLog(t *testing.T) {
	var book strings.Builder
	log := newLineLog(slog.New(slog.NewTextHandler(&book, nil)))
	for _, written := range []string{"one", " line\n\ntwo", " lines\n", strings.Repeat("x", 2*maxLine), "y\nlast words"} {
		if n, err := log.Write([]byte(written)); n != len(written) || err != nil {
			t.Errorf("wrote %d bytes of %d, %v", n, len(written), err)
		}
	}
	log.flush()
	log.flush()
	var got []string
	for line := range strings.Lines(book.String()) {
		_, line, _ = strings.Cut(line, "line=")
		line, _, _ = strings.Cut(line, " unlogged=")
		got = append(got, strings.Trim(line, `"`))
	}
	if want := "one line|two lines|" + strings.Repeat("x", maxLine) + "|last words"; strings.Join(got, "|") != want {
		t.Errorf("the log says %q", got)
	}
}

// What is not logged is counted, once.
func TestUnloggedLines(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var book strings.Builder
		log := newLineLog(slog.New(slog.NewTextHandler(&book, nil)))
		for range linesAtOnce + 7 {
			_, _ = log.Write([]byte("wolf!\n"))
		}
		time.Sleep(time.Second)
		_, _ = log.Write([]byte("calm\nquiet\n"))
		if got := strings.Count(book.String(), "wolf!"); got != linesAtOnce {
			t.Errorf("%d lines are logged at once, want %d", got, linesAtOnce)
		}
		for _, want := range []string{"line=calm unlogged=7\n", "line=quiet unlogged=0\n"} {
			if !strings.Contains(book.String(), want) {
				t.Errorf("the log does not say %q", want)
			}
		}
	})
}

// A plugin that floods a standard stream is read no faster than bytesPerSecond.
func TestReadsSlowly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		if _, err := io.CopyN(io.Discard, slowly(t.Context(), endless{}), 10*bytesPerSecond); err != nil {
			t.Error(err)
		}
		if took := time.Since(began); took < 9*time.Second || took > 11*time.Second {
			t.Errorf("ten seconds' worth was read in %v", took)
		}
	})
}

// An endless reader has as much as one wants.
type endless struct{}

func (endless) Read(b []byte) (int, error) { return len(b), nil }

// A scripted plugin answers Listen with some connections, and then with an error; without
// one it says nothing any more.
type scripted struct {
	pluginrpc.TransportClient
	pluginrpc.Transport_ListenClient
	ctx   context.Context
	conns int
	err   error
}

func (s *scripted) Listen(ctx context.Context, _ *pluginrpc.ListenRequest, _ ...grpc.CallOption) (pluginrpc.Transport_ListenClient, error) {
	s.ctx = ctx
	return s, nil
}

func (s *scripted) Recv() (*pluginrpc.ListenResponse, error) {
	switch {
	case s.conns > 0:
		s.conns--
		accepted := &pluginrpc.Connection{Id: make([]byte, pluginrpc.IDSize)}
		return &pluginrpc.ListenResponse{Event: &pluginrpc.ListenResponse_Accepted{Accepted: accepted}}, nil
	case s.err != nil:
		return nil, s.err
	}
	<-s.ctx.Done()
	return nil, s.ctx.Err()
}

// over makes an instance of a scripted plugin, which has no process.
func over(s *scripted) *instance {
	return &instance{rpc: s, config: Config{StartTimeout: 10 * time.Second}, process: &process{exited: context.Background()}}
}

// A plugin that never says where it listens is given up.
func TestListenIsGivenUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		_, err := over(&scripted{}).listen(t.Context(), "127.0.0.1:0")
		if took := time.Since(began); !errors.Is(err, ErrHangs) || took != 10*time.Second {
			t.Errorf("%v after %v, want ErrHangs after the time for a start", err, took)
		}
	})
}

// Connections are taken no faster than acceptsPerSecond.
func TestAcceptsSlowly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &scripted{conns: acceptsAtOnce + 3*acceptsPerSecond, err: io.EOF}
		l := &listener{ctx: t.Context(), rate: rate.NewLimiter(acceptsPerSecond, acceptsAtOnce)}
		began := time.Now()
		_ = l.receive(&listening{owner: over(s), calls: s})
		if took := time.Since(began).Round(10 * time.Millisecond); took != 3*time.Second || s.conns > 0 {
			t.Errorf("%d connections are left after %v, want none after 3s", s.conns, took)
		}
	})
}
