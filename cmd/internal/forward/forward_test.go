package forward

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/project-iris/iris/relay/client"
)

// Both directions end by themselves, in either order, over sockets of both kinds. More is
// sent than all windows hold.
func TestEachDirectionEndsByItself(t *testing.T) {
	for _, network := range []string{"tcp", "unix"} {
		t.Run(network, func(t *testing.T) {
			target, listen := "127.0.0.1:0", "127.0.0.1:0"
			if network == "unix" {
				dir := t.TempDir()
				target, listen = filepath.Join(dir, "target"), "unix:"+filepath.Join(dir, "listen")
			}
			w := newWorld(t, Config{Check: time.Hour})
			l := listener(t, network, target)
			e, exposed := w.expose(text(l.Addr()))
			f, forwarded := w.forward(listen)
			near := dialled(t, f)
			far := accept(t, l)
			sent := bytes.Repeat([]byte("0123456789abcdef"), 1<<20)
			for _, way := range [][2]net.Conn{{near, far}, {far, near}} {
				done := make(chan error, 1)
				go func() {
					_, err := way[0].Write(sent)
					done <- errors.Join(err, way[0].(interface{ CloseWrite() error }).CloseWrite())
				}()
				if got, err := io.ReadAll(way[1]); !bytes.Equal(got, sent) || err != nil {
					t.Errorf("%d bytes arrived of %d, %v", len(got), len(sent), err)
				}
				if err := <-done; err != nil {
					t.Error(err)
				}
			}
			forwarded.finish(t.Context())
			exposed.finish(t.Context())
			want := Stats{Opened: 1, Read: uint64(len(sent)) + 1, Written: uint64(len(sent))}
			if got := f.Stats(); got != want {
				t.Errorf("the forwarder has counted %+v", got)
			}
			want.Read, want.Written = want.Written, want.Read
			if got := e.Stats(); got != want {
				t.Errorf("the exposer has counted %+v", got)
			}
		})
	}
}

func TestAResetIsPassedOn(t *testing.T) {
	w := newWorld(t, Config{Check: time.Hour})
	l := listener(t, "tcp", "127.0.0.1:0")
	w.expose(text(l.Addr()))
	f, _ := w.forward("127.0.0.1:0")
	for range 2 {
		near := dialled(t, f)
		far := accept(t, l)
		_ = near.(*net.TCPConn).SetLinger(0)
		_ = near.Close()
		if _, err := far.Read(make([]byte, 1)); !errors.Is(err, syscall.ECONNRESET) {
			t.Errorf("the target reads %v", err)
		}

		near = dialled(t, f)
		far = accept(t, l)
		_ = far.(*net.TCPConn).SetLinger(0)
		_ = far.Close()
		if _, err := near.Read(make([]byte, 1)); !errors.Is(err, syscall.ECONNRESET) {
			t.Errorf("the client reads %v", err)
		}
	}
}

// While the target does not accept connections nobody is sent to it, those that there are go
// on, and whoever connects waits until it accepts again.
func TestATargetThatRefuses(t *testing.T) {
	w := newWorld(t, Config{Check: 5 * time.Millisecond})
	l := listener(t, "tcp", "127.0.0.1:0")
	address := l.Addr().String()
	e, _ := w.expose(address)
	f, _ := w.forward("127.0.0.1:0")
	for round := range 3 {
		go echoes(l)
		early := dialled(t, f)
		echo(t, early)
		_ = l.Close()
		w.log.await("not in the cluster", round+1)
		echo(t, early)
		late := dialled(t, f)
		l = listener(t, "tcp", address)
		defer func() { echo(t, late) }()
	}
	go echoes(l)
	w.log.await("msg=\"in the cluster\"", 4)
	if got := e.Stats().Absences; got != 3 {
		t.Errorf("%d absences", got)
	}
}

// A member that refuses, and has not noticed yet that it should have left, costs nothing.
func TestARefusedConnectionGoesToAnotherMember(t *testing.T) {
	w := newWorld(t, Config{Check: time.Hour})
	lost, l := listener(t, "tcp", "127.0.0.1:0"), listener(t, "tcp", "127.0.0.1:0")
	w.expose(text(lost.Addr()))
	w.log.await("msg=\"in the cluster\"", 1)
	_ = lost.Close()
	go echoes(l)
	w.expose(text(l.Addr()))
	f, _ := w.forward("127.0.0.1:0")
	for range 20 {
		echo(t, dialled(t, f))
	}
	if got := f.Stats(); got.Opened != 20 || got.Failed != 0 {
		t.Errorf("counted %+v", got)
	}
}

func TestConnectionsAreBounded(t *testing.T) {
	w := newWorld(t, Config{Check: time.Hour, Connections: 1})
	l := listener(t, "tcp", "127.0.0.1:0")
	go echoes(l)
	e, _ := w.expose(text(l.Addr()))
	f, _ := w.forward("127.0.0.1:0")
	first := dialled(t, f)
	echo(t, first)
	second, err := net.Dial("tcp", f.Addr().String())
	if err == nil { // else the reset came at once
		defer second.Close()
		_, err = second.Read(make([]byte, 1))
	}
	if !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("the second reads %v", err)
	}
	_, err = w.node.Dial(t.Context(), "db")
	if reset, ok := errors.AsType[*client.ResetError](err); !ok || reset.Reason != "too many connections" {
		t.Errorf("dial: %v", err)
	}
	if f, e := f.Stats().Refused, e.Stats().Refused; f != 1 || e != 1 {
		t.Errorf("refused: %d and %d", f, e)
	}
	echo(t, first)
}

// Drain waits for connections, and after its time cuts them off.
func TestDrain(t *testing.T) {
	w := newWorld(t, Config{Check: time.Hour})
	l := listener(t, "tcp", "127.0.0.1:0")
	e := NewExposer("db", parsed(t, text(l.Addr())), w.config)
	ctx, stop := context.WithCancel(t.Context())
	ran := make(chan error, 1)
	go func() { ran <- e.Run(ctx) }()
	f, _ := w.forward("127.0.0.1:0")
	near := dialled(t, f)
	far := accept(t, l)
	stop()
	if err := <-ran; err != nil {
		t.Error(err)
	}
	drained := make(chan error, 1)
	draining, end := context.WithCancel(t.Context())
	go func() { drained <- e.Drain(draining) }()
	for left := false; !left; { // what crosses the leaving is taken
		s, err := dial(t.Context(), w.node, "db", nil, 100*time.Millisecond)
		if left = errors.Is(err, client.ErrTimeout); err == nil {
			_ = s.Reset("")
		} else if !left {
			t.Fatal(err)
		}
	}
	if _, err := near.Write([]byte("still")); err != nil {
		t.Error(err)
	}
	if _, err := io.ReadFull(far, make([]byte, 5)); err != nil {
		t.Error(err)
	}
	select {
	case err := <-drained:
		t.Errorf("drained too early: %v", err)
	default:
	}
	end()
	if err := <-drained; !errors.Is(err, ErrCutOff) {
		t.Errorf("drained: %v", err)
	}
	for _, c := range []net.Conn{near, far} {
		if _, err := c.Read(make([]byte, 1)); !errors.Is(err, syscall.ECONNRESET) {
			t.Errorf("read: %v", err)
		}
	}
	if got := e.Stats(); got.Broken == 0 || got.Open != 0 {
		t.Errorf("counted %+v", got)
	}
}

func TestTheNodeGoes(t *testing.T) {
	w := newWorld(t, Config{Check: time.Hour})
	l := listener(t, "tcp", "127.0.0.1:0")
	_, exposed := w.expose(text(l.Addr()))
	f, forwarded := w.forward("127.0.0.1:0")
	near := dialled(t, f)
	accept(t, l)
	w.end()
	for _, k := range []*task{exposed, forwarded} {
		k.ended = true
		if err := <-k.ran; !errors.Is(err, ErrNodeGone) || !errors.Is(err, client.ErrClosed) {
			t.Errorf("Run: %v", err)
		}
		if err := k.drain(t.Context()); err != nil {
			t.Errorf("Drain: %v", err)
		}
	}
	if _, err := near.Read(make([]byte, 1)); !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("the client reads %v", err)
	}
}

func TestListenSaysWhatIsInTheWay(t *testing.T) {
	l := listener(t, "tcp", "127.0.0.1:0")
	if _, err := Listen(parsed(t, text(l.Addr())), "db", Config{}); err == nil ||
		err.Error() != "cannot listen at "+text(l.Addr())+": address already in use" {
		t.Errorf("error is %v", err)
	}
	path := filepath.Join(t.TempDir(), "socket")
	s := listener(t, "unix", path)
	if _, err := Listen(Address{"unix", path}, "db", Config{}); !errors.Is(err, syscall.EADDRINUSE) {
		t.Errorf("error is %v", err)
	}
	s.(*net.UnixListener).SetUnlinkOnClose(false)
	_ = s.Close() // as one that was killed leaves it
	f, err := Listen(Address{"unix", path}, "db", Config{})
	if err != nil {
		t.Fatal(err)
	}
	f.Close()
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Listen(Address{"unix", path}, "db", Config{}); !errors.Is(err, syscall.EADDRINUSE) {
		t.Errorf("error is %v", err)
	}
	if _, err := os.Stat(path); err != nil {
		t.Errorf("a file that is no socket is gone: %v", err)
	}
}

func TestNobodyTakesAConnection(t *testing.T) {
	w := newWorld(t, Config{})
	end := Stdio{In: io.NopCloser(strings.NewReader("")), Out: nopWriter{io.Discard}}
	w.config.DialTimeout = 10 * time.Millisecond
	err := Forward(t.Context(), w.node, "nobody", end, w.config)
	if want := `no member of cluster "nobody" was found within 10ms`; err == nil || !strings.HasPrefix(err.Error(), want) {
		t.Errorf("error is %v", err)
	}
}

type nopWriter struct{ io.Writer }

func (nopWriter) Close() error { return nil }

func TestStandardInputAndOutput(t *testing.T) {
	w := newWorld(t, Config{Check: time.Hour})
	l := listener(t, "tcp", "127.0.0.1:0")
	go echoes(l)
	w.expose(text(l.Addr()))
	var out bytes.Buffer
	end := Stdio{In: io.NopCloser(strings.NewReader("hello")), Out: nopWriter{&out}}
	if err := Forward(t.Context(), w.node, "db", end, w.config); err != nil || out.String() != "hello" {
		t.Errorf("got %q, %v", out.String(), err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	in, input := io.Pipe()
	defer input.Close()
	done := make(chan error, 1)
	go func() { done <- Forward(ctx, w.node, "db", Stdio{In: in, Out: nopWriter{io.Discard}}, w.config) }()
	if _, err := io.WriteString(input, "x"); err != nil {
		t.Error(err)
	}
	cancel()
	if err := <-done; !errors.Is(err, errStopped) {
		t.Errorf("error is %v", err)
	}
}

// Connections that were opened and closed leave neither a goroutine nor a tunnel.
func TestNothingIsLeft(t *testing.T) {
	w := newWorld(t, Config{Check: time.Hour})
	l := listener(t, "tcp", "127.0.0.1:0")
	go echoes(l)
	e, _ := w.expose(text(l.Addr()))
	f, _ := w.forward("127.0.0.1:0")
	echo(t, dialled(t, f))
	before := runtime.NumGoroutine()
	for i := range 200 {
		c := dialled(t, f)
		echo(t, c)
		if i%2 == 0 {
			_ = c.(*net.TCPConn).SetLinger(0)
		}
		_ = c.Close()
	}
	for f.Stats().Open > 1 || e.Stats().Open > 1 || runtime.NumGoroutine() > before {
		if t.Context().Err() != nil {
			t.Fatalf("left: %+v, %+v, %d goroutines of %d", f.Stats(), e.Stats(), runtime.NumGoroutine(), before)
		}
		runtime.Gosched()
	}
}
