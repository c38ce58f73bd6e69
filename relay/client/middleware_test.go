package client

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/project-iris/iris/relay/wire"
)

// ledger notes what middleware says.
type ledger struct {
	mu    sync.Mutex
	lines []string
}

func (l *ledger) note(format string, args ...any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lines = append(l.lines, fmt.Sprintf(format, args...))
}

func (l *ledger) Began(kind Kind) { l.note("%s began", kind) }

func (l *ledger) Ended(kind Kind, took time.Duration, err error) {
	l.note("%s ended after %v: %v", kind, took, err)
}

// around is middleware that notes its name.
func (l *ledger) around(name string) Middleware {
	return Around(func(kind Kind, call func() error) error {
		l.note("%s before %s", name, kind)
		err := call()
		l.note("%s after %s: %v", name, kind, err)
		return err
	})
}

func TestTheFirstMiddlewareIsTheOutermost(t *testing.T) {
	var l ledger
	s := Wrap(Service{Request: func(context.Context, []byte) ([]byte, error) {
		return []byte("reply"), errors.New("broken")
	}, Tunnel: func(*Tunnel) {}}, l.around("outer"), l.around("inner"))
	if _, err := s.Request(t.Context(), nil); err == nil || err.Error() != "broken" {
		t.Errorf("error is %v", err)
	}
	s.Tunnel(nil)
	want := []string{
		"outer before request", "inner before request", "inner after request: broken", "outer after request: broken",
		"outer before tunnel", "inner before tunnel", "inner after tunnel: <nil>", "outer after tunnel: <nil>",
	}
	if !slices.Equal(l.lines, want) {
		t.Errorf("noted %q", l.lines)
	}
	if s.Broadcast != nil {
		t.Error("the service takes broadcasts")
	}
}

// A service goes on after each kind of panic. The caller learns that there was one, and not
// what it was.
func TestRecoverLetsAServiceGoOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var l ledger
		report := func(kind Kind, value any, stack []byte) {
			l.note("%s: %v, %v", kind, value, bytes.Contains(stack, []byte("middleware_test.go")))
		}
		_, relay := attached(t, Wrap(Service{
			Request:   func(context.Context, []byte) ([]byte, error) { panic("secret") },
			Broadcast: func([]byte) { panic("broadcast") },
			Tunnel:    func(*Tunnel) { panic("tunnel") },
		}, Recover(report), Measure(&l)), Config{})
		relay.send(&wire.Delivery{})
		synctest.Wait()
		relay.send(&wire.Call{ID: 1, Timeout: 1000})
		if m := expect[*wire.Reply](relay); m.OK || string(m.Body) != FaultPanicked {
			t.Errorf("answered %+v", m)
		}
		relay.send(&wire.TunOffer{BuildID: 1, ChunkLimit: 100})
		id := expect[*wire.TunConfirm](relay).ID
		expect[*wire.TunAllow](relay)
		if m := expect[*wire.TunClose](relay); m.ID != id {
			t.Errorf("closed %+v", m)
		}
		relay.send(&wire.TunClosed{ID: id})
		synctest.Wait()
		want := []string{
			"broadcast began", "broadcast ended after 0s: panicked", "broadcast: broadcast, true",
			"request began", "request ended after 0s: panicked", "request: secret, true",
			"tunnel began", "tunnel ended after 0s: panicked", "tunnel: tunnel, true",
		}
		if !slices.Equal(l.lines, want) {
			t.Errorf("noted %q", l.lines)
		}
	})
}

func TestLogHasTheError(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		log := slog.New(slog.NewTextHandler(&out, nil))
		s := Wrap(Service{Request: func(context.Context, []byte) ([]byte, error) {
			time.Sleep(time.Second)
			return nil, errors.New("broken")
		}}, Log(log, slog.LevelInfo), Log(log, slog.LevelDebug))
		_, _ = s.Request(t.Context(), nil)
		if got := out.String(); !strings.Contains(got, "kind=request took=1s err=broken") || strings.Count(got, "\n") != 1 {
			t.Errorf("logged %q", got)
		}
	})
}

// What cannot be encoded or decoded is said on the side where it fails, and goes no further.
func TestTypedRequests(t *testing.T) {
	called := 0
	double := Answer(JSON, func(_ context.Context, n int) (any, error) {
		called++
		switch n {
		case 0:
			return nil, errors.New("nothing")
		case 1:
			return func() {}, nil
		case 2:
			return "four", nil
		case 3:
			return map[string]any{"A": 1, "B": "no number"}, nil
		}
		return 2 * n, nil
	})
	c, relay := attached(t, Service{}, Config{})
	go func() {
		for range 6 {
			m := expect[*wire.Request](relay)
			result := wire.Result{ID: m.ID, OK: true}
			body, err := double(t.Context(), m.Body)
			if result.Body = body; err != nil {
				result.OK, result.Body = false, []byte(err.Error())
			}
			relay.send(&result)
		}
	}()
	if n, err := Call[int, int](t.Context(), c, JSON, "double", 21); n != 42 || err != nil {
		t.Errorf("got %d, %v", n, err)
	}
	for _, row := range []struct {
		call func() (int, error)
		want string
	}{
		{func() (int, error) { return Call[int, int](t.Context(), c, JSON, "double", 0) }, `request to "double": fault: nothing`},
		{func() (int, error) { return Call[int, int](t.Context(), c, JSON, "double", 1) }, `request to "double": fault: encode a func(): json:`},
		{func() (int, error) { return Call[int, int](t.Context(), c, JSON, "double", 2) }, `request to "double": decode the reply as a int: json:`},
		{func() (int, error) { return Call[string, int](t.Context(), c, JSON, "double", "x") }, `request to "double": fault: decode the request as a int: json:`},
		{func() (int, error) { return Call[chan int, int](t.Context(), c, JSON, "double", nil) }, `request to "double": encode a chan int: json:`},
	} {
		if n, err := row.call(); n != 0 || err == nil || !strings.HasPrefix(err.Error(), row.want) {
			t.Errorf("got %d, %v; want %q", n, err, row.want)
		}
	}
	if half, err := Call[int, struct{ A, B int }](t.Context(), c, JSON, "double", 3); half.A != 0 || err == nil {
		t.Errorf("got %+v, %v", half, err)
	}
	if called != 5 {
		t.Errorf("called %d times", called)
	}
}
