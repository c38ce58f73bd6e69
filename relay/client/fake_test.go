package client

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"testing"
	"time"

	"github.com/project-iris/iris/relay/wire"
)

// fakeRelay is the node's side of a connection, played by a test.
type fakeRelay struct {
	t      testing.TB
	link   net.Conn
	reader *wire.Reader
}

// newFakeRelay returns a fake relay and the application's end of its connection.
func newFakeRelay(t testing.TB) (*fakeRelay, net.Conn) {
	ours, theirs := net.Pipe()
	t.Cleanup(func() { _ = ours.Close() })
	return &fakeRelay{t: t, link: ours, reader: wire.NewReader(ours, wire.FromApplication, wire.Limits{})}, theirs
}

// attached returns a connection and the fake relay that it is attached to. When the
// test ends the connection is closed; under synctest a goroutine that is left
// behind fails the test.
func attached(t testing.TB, service Service, config Config) (*Conn, *fakeRelay) {
	t.Helper()
	relay, link := newFakeRelay(t)
	go func() {
		expect[*wire.Init](relay)
		relay.send(&wire.Accept{Version: []byte(wire.Version)})
	}()
	c, err := attach(t.Context(), link, "cluster", service, config.withDefaults())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = relay.link.Close()
		_ = c.Close()
	})
	return c, relay
}

// attach attaches over a connection that is there already.
func attach(ctx context.Context, link net.Conn, cluster string, service Service, config Config) (*Conn, error) {
	c := newConn(cluster, service, config)
	c.dial = func(context.Context, string) (net.Conn, error) { return link, nil }
	return open(ctx, c)
}

// expect reads the next frame, which has to be an M. Another one is the end of the
// whole test: the script makes no sense any more, in whichever goroutine it runs.
func expect[M wire.Message](r *fakeRelay) M {
	r.t.Helper()
	m, err := r.reader.Read()
	want, ok := m.(M)
	if !ok {
		panic(fmt.Sprintf("%s: relay read %T %+v, %v; want %T", r.t.Name(), m, m, err, want))
	}
	return want
}

// send writes frames in one write.
func (r *fakeRelay) send(messages ...wire.Message) {
	r.t.Helper()
	var b []byte
	for _, m := range messages {
		b = m.Append(b)
	}
	if _, err := r.link.Write(b); err != nil {
		r.t.Errorf("relay: %v", err)
	}
}

// silent checks that the application sends nothing for a second.
func (r *fakeRelay) silent() {
	r.t.Helper()
	_ = r.link.SetReadDeadline(time.Now().Add(time.Second))
	var timeout net.Error
	m, err := r.reader.Read()
	if !errors.As(err, &timeout) || !timeout.Timeout() {
		r.t.Errorf("relay read %v %+v, want nothing", err, m)
	}
	_ = r.link.SetReadDeadline(time.Time{})
	r.reader = wire.NewReader(r.link, wire.FromApplication, wire.Limits{})
}

// discard reads and drops all that the application sends from now on.
func (r *fakeRelay) discard() { _, _ = io.Copy(io.Discard, r.link) }

// farewell answers CLOSE and ends the stream.
func (r *fakeRelay) farewell() {
	expect[*wire.Close](r)
	r.send(&wire.Closed{})
	_ = r.link.Close()
}

// result is what a call in another goroutine returned.
type result[T any] struct {
	value T
	err   error
}

// async calls f in a goroutine.
func async[T any](f func() (T, error)) <-chan result[T] {
	done := make(chan result[T], 1)
	go func() {
		v, err := f()
		done <- result[T]{v, err}
	}()
	return done
}

// asyncError calls f in a goroutine.
func asyncError(f func() error) <-chan error {
	done := make(chan error, 1)
	go func() { done <- f() }()
	return done
}

// within is a context that ends after d.
func within(t testing.TB, d time.Duration) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), d)
	t.Cleanup(cancel)
	return ctx
}

// wantError checks what an error is.
func wantError(t testing.TB, err error, wanted ...error) {
	t.Helper()
	for _, want := range wanted {
		if !errors.Is(err, want) {
			t.Errorf("error is %v, want %v", err, want)
		}
	}
}
