package choose_test

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/project-iris/iris/transport"
	"github.com/project-iris/iris/transport/choose"
	"github.com/project-iris/iris/transport/mem"
)

var errBroken = errors.New("the socket is broken")

// brittle is a lane whose listeners break when they are told to.
type brittle struct {
	*lane
	refuses   atomic.Bool  // to listen
	tries     atomic.Int32 // to listen
	listening atomic.Pointer[brittleListener]
}

func (b *brittle) Listen(ctx context.Context, addr string) (transport.Listener, error) {
	b.tries.Add(1)
	if b.refuses.Load() {
		return nil, errBroken
	}
	inner, err := b.lane.Listen(ctx, addr)
	if err != nil {
		return nil, err
	}
	l := &brittleListener{Listener: inner}
	l.works, l.fail = context.WithCancelCause(context.Background())
	b.listening.Store(l)
	return l, nil
}

type brittleListener struct {
	transport.Listener
	works context.Context
	fail  context.CancelCauseFunc
}

func (l *brittleListener) Accept(ctx context.Context) (transport.Link, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer context.AfterFunc(l.works, cancel)()
	link, err := l.Listener.Accept(ctx)
	if l.works.Err() != nil {
		return nil, context.Cause(l.works)
	}
	return link, err
}

// brittleWorld is two nodes; the one that listens over QUIC can lose that.
type brittleWorld struct {
	a        *node
	quic     *brittle
	listener transport.Listener
	log      strings.Builder
}

func newBrittleWorld(t *testing.T) *brittleWorld {
	t.Helper()
	quic, tcp := mem.NewNetwork(mem.Config{}), mem.NewNetwork(mem.Config{})
	w := &brittleWorld{a: newNode(t, quic, tcp, transport.PeerID{1})}
	w.quic = &brittle{lane: &lane{Transport: quic.Node(transport.PeerID{2}), scheme: "quic"}}
	b, err := choose.New(choose.Config{
		Transports: []transport.Transport{w.quic, &lane{Transport: tcp.Node(transport.PeerID{2}), scheme: "tcp"}},
		Logger:     slog.New(slog.NewTextHandler(&w.log, nil)),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = b.Close() })
	if w.listener, err = b.Listen(t.Context(), "b"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = w.listener.Close() })
	return w
}

// reached is the scheme of a link that is dialled and accepted now.
func (w *brittleWorld) reached(t *testing.T) string {
	t.Helper()
	link, err := w.a.Dial(t.Context(), w.listener.Addr(), transport.PeerID{2})
	if err != nil {
		t.Fatal(err)
	}
	defer link.Close(nil)
	accepted, err := w.listener.Accept(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if got, want := choose.SchemeOf(accepted), choose.SchemeOf(link); got != want {
		t.Errorf("accepted over %s, dialled over %s", got, want)
	}
	return choose.SchemeOf(link)
}

// lost is what the listener says is lost.
func (w *brittleWorld) lost() (schemes []string) {
	for _, loss := range choose.LossesOf(w.listener) {
		schemes = append(schemes, loss.Scheme+" "+loss.Addr+" "+loss.Err.Error())
	}
	return schemes
}

func TestALostListenerLeavesTheOthersAndComesBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newBrittleWorld(t)
		if scheme := w.reached(t); scheme != "quic" || len(w.lost()) > 0 {
			t.Fatalf("before: reached over %s, lost %q", scheme, w.lost())
		}
		w.quic.listening.Load().fail(errBroken)
		synctest.Wait()
		if lost := w.lost(); len(lost) != 1 || lost[0] != "quic b "+errBroken.Error() {
			t.Errorf("lost %q", lost)
		}
		if scheme := w.reached(t); scheme != "tcp" {
			t.Errorf("without QUIC the node is reached over %q", scheme)
		}
		time.Sleep(time.Second)
		if scheme := w.reached(t); len(w.lost()) > 0 || w.quic.tries.Load() != 2 {
			t.Errorf("a second later: reached over %s, lost %q, listened %d times", scheme, w.lost(), w.quic.tries.Load())
		}
		time.Sleep(choose.DefaultRecheck)
		if scheme := w.reached(t); scheme != "quic" {
			t.Errorf("after all, reached over %s", scheme)
		}
		for _, line := range []string{
			`level=ERROR msg="transport listens no more" transport=quic addr=b err="the socket is broken" again_in=100ms`,
			`level=INFO msg="transport listens again" transport=quic addr=b after=100ms`,
		} {
			if !strings.Contains(w.log.String(), line) {
				t.Errorf("the log lacks %s:\n%s", line, &w.log)
			}
		}
	})
}

// TestAListenerThatCannotComeBackIsTriedLessAndLess has one that is refused for an hour.
func TestAListenerThatCannotComeBackIsTriedLessAndLess(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newBrittleWorld(t)
		w.quic.refuses.Store(true)
		w.quic.listening.Load().fail(errors.New("something else"))
		time.Sleep(time.Hour)
		if tries := w.quic.tries.Load(); tries < 360 || tries > 370 {
			t.Errorf("%d tries in an hour", tries)
		}
		if lines := strings.Count(w.log.String(), "\n"); lines != 2 {
			t.Errorf("%d lines are logged:\n%s", lines, &w.log)
		}
		w.quic.refuses.Store(false)
		time.Sleep(10 * time.Second)
		if scheme := w.reached(t); scheme != "quic" || len(w.lost()) > 0 {
			t.Errorf("after that, reached over %s, lost %q", scheme, w.lost())
		}
	})
}

// TestAListenerThatBreaksAgainAndAgainIsNoBusyLoop breaks it whenever it listens.
func TestAListenerThatBreaksAgainAndAgainIsNoBusyLoop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newBrittleWorld(t)
		for begin := time.Now(); time.Since(begin) < time.Minute; time.Sleep(50 * time.Millisecond) {
			w.quic.listening.Load().fail(errBroken)
		}
		if tries := w.quic.tries.Load(); tries > 14 {
			t.Errorf("%d tries in a minute", tries)
		}
		synctest.Wait()
		if lines := strings.Count(w.log.String(), "\n"); lines > 2 {
			t.Errorf("%d lines in a minute:\n%s", lines, &w.log)
		}
		// The one that lasts is said, though another was a moment ago.
		w.quic.refuses.Store(true)
		w.quic.listening.Load().fail(errBroken)
		time.Sleep(5 * time.Minute)
		synctest.Wait()
		if said := strings.Count(w.log.String(), "cannot listen again yet"); said != 1 {
			t.Errorf("that it does not come back is said %d times:\n%s", said, &w.log)
		}
	})
}

// TestCloseDoesNotWaitForALostListener closes while one waits to be opened again.
func TestCloseDoesNotWaitForALostListener(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newBrittleWorld(t)
		w.quic.refuses.Store(true)
		w.quic.listening.Load().fail(errBroken)
		time.Sleep(time.Minute)
		begin := time.Now()
		_ = w.listener.Close()
		if took := time.Since(begin); took > 0 {
			t.Errorf("Close took %v", took)
		}
		if _, err := w.listener.Accept(t.Context()); !errors.Is(err, transport.ErrClosed) {
			t.Errorf("Accept after Close: %v", err)
		}
	})
}
