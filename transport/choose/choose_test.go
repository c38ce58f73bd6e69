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
	"github.com/project-iris/iris/transport/transporttest"
)

// lane is a transport in memory that goes by another name, and can be blocked
// in silence.
type lane struct {
	*mem.Transport
	scheme  string
	blocked atomic.Bool
	deaf    atomic.Bool // to the end of the context
	dials   atomic.Int32
	pending atomic.Int32          // dials under way
	failure atomic.Pointer[error] // of all dials
	silent  string                // how the addresses begin that nobody answers at
}

func (l *lane) Scheme() string { return l.scheme }

func (l *lane) Dial(ctx context.Context, addr string, want transport.PeerID) (transport.Link, error) {
	l.dials.Add(1)
	l.pending.Add(1)
	defer l.pending.Add(-1)
	if failure := l.failure.Load(); failure != nil {
		return nil, *failure
	}
	if l.blocked.Load() || l.silent != "" && strings.HasPrefix(addr, l.silent) {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	if l.deaf.Load() {
		ctx = context.WithoutCancel(ctx)
	}
	return l.Transport.Dial(ctx, addr, want)
}

// node is one with two lanes, each in a network of its own.
type node struct {
	*choose.Transport
	quic, tcp *lane
}

func newNode(t *testing.T, quic, tcp *mem.Network, id transport.PeerID) *node {
	t.Helper()
	n := &node{quic: &lane{Transport: quic.Node(id), scheme: "quic"}, tcp: &lane{Transport: tcp.Node(id), scheme: "tcp"}}
	var err error
	n.Transport, err = choose.New(choose.Config{
		Transports: []transport.Transport{n.quic, n.tcp}, Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = n.Close() })
	return n
}

// world is two nodes, the second of which listens.
type world struct {
	a, b     *node
	listener transport.Listener
}

func newWorld(t *testing.T, config mem.Config) *world {
	t.Helper()
	quic, tcp := mem.NewNetwork(config), mem.NewNetwork(config)
	w := &world{a: newNode(t, quic, tcp, transport.PeerID{1}), b: newNode(t, quic, tcp, transport.PeerID{2})}
	var err error
	if w.listener, err = w.b.Listen(t.Context(), "b"); err != nil {
		t.Fatal(err)
	}
	return w
}

// dial dials and says how long it took and how often each lane was tried.
func (w *world) dial(t *testing.T, addr string) (took time.Duration, quic, tcp int32, err error) {
	t.Helper()
	quic, tcp = w.a.quic.dials.Load(), w.a.tcp.dials.Load()
	begin := time.Now()
	link, err := w.a.Dial(t.Context(), addr, transport.PeerID{2})
	took = time.Since(begin)
	if err == nil {
		if _, err := w.listener.Accept(t.Context()); err != nil {
			t.Fatal(err)
		}
		_ = link.Close(nil)
	}
	return took, w.a.quic.dials.Load() - quic, w.a.tcp.dials.Load() - tcp, err
}

// expect compares a dial with what it should have been.
func (w *world) expect(t *testing.T, what string, took time.Duration, quic, tcp int32) {
	t.Helper()
	gotTook, gotQUIC, gotTCP, err := w.dial(t, w.listener.Addr())
	if err != nil || gotTook != took || gotQUIC != quic || gotTCP != tcp {
		t.Errorf("%s: took %v with %d and %d attempts, error %v; want %v with %d and %d", what, gotTook, gotQUIC, gotTCP, err, took, quic, tcp)
	}
}

func TestContract(t *testing.T) {
	transporttest.RunVirtual(t, func(t *testing.T) transporttest.Pair {
		w := newWorld(t, mem.Config{Path: mem.Path{Delay: time.Millisecond}})
		_ = w.listener.Close()
		return transporttest.Pair{
			A: w.a, B: w.b, AID: transport.PeerID{1}, BID: transport.PeerID{2},
			Address: "b", Buffered: 256 << 10,
		}
	})
}

func TestThePreferredTransportIsTaken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, mem.Config{Path: mem.Path{Delay: 50 * time.Millisecond}})
		w.expect(t, "near", 200*time.Millisecond, 1, 0)
		if addr := w.listener.Addr(); addr != "quic://b,tcp://b" {
			t.Errorf("listens on %s", addr)
		}
	})
}

// TestAFarPeerIsReachedByThePreferredTransport has the preferred one take longer
// than the head start, and still win.
func TestAFarPeerIsReachedByThePreferredTransport(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, mem.Config{Path: mem.Path{Delay: 100 * time.Millisecond}})
		w.expect(t, "far", 400*time.Millisecond, 1, 1)
		w.expect(t, "far, again", 400*time.Millisecond, 1, 1)
		synctest.Wait()
	})
}

// expectLateLinkClosed accepts the link that nobody wants any more.
func (w *world) expectLateLinkClosed(t *testing.T) {
	t.Helper()
	late, err := w.listener.Accept(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	time.Sleep(time.Second) // virtual
	if err := context.Cause(late.Context()); !errors.Is(err, transport.ErrPeerClosed) {
		t.Errorf("the late link: %v; want it closed", err)
	}
}

// TestALinkThatComesTooLateIsClosed has an attempt succeed after the other one.
func TestALinkThatComesTooLateIsClosed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, mem.Config{Path: mem.Path{Delay: 100 * time.Millisecond}})
		w.a.tcp.deaf.Store(true)
		w.expect(t, "the first", 400*time.Millisecond, 1, 1)
		w.expectLateLinkClosed(t)
	})
}

// TestABlockedTransportIsRemembered tells the story of UDP being blocked, and
// opened again.
func TestABlockedTransportIsRemembered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, mem.Config{})
		w.a.quic.blocked.Store(true)
		w.expect(t, "blocked, and not known", choose.DefaultHeadStart, 1, 1)
		w.expect(t, "blocked, and known", 0, 0, 1)
		time.Sleep(choose.DefaultRecheck)
		w.expect(t, "looks again", choose.DefaultHeadStart, 1, 1)
		w.a.quic.blocked.Store(false)
		w.expect(t, "open, and not known", 0, 0, 1)
		time.Sleep(choose.DefaultRecheck)
		w.expect(t, "looks again, and finds it open", 0, 1, 0)
	})
}

// TestBothBlockedBlamesNothing: a host that is down says nothing about
// transports.
func TestBothBlockedBlamesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, mem.Config{})
		w.a.quic.blocked.Store(true)
		w.a.tcp.blocked.Store(true)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := w.a.Dial(ctx, w.listener.Addr(), transport.PeerID{}); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("dial: %v", err)
		}
		w.a.quic.blocked.Store(false)
		w.a.tcp.blocked.Store(false)
		w.expect(t, "back", 0, 1, 0)
	})
}

// TestABlockedTransportIsTheLastResort has the other one blocked later.
func TestABlockedTransportIsTheLastResort(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, mem.Config{})
		w.a.quic.blocked.Store(true)
		w.expect(t, "the preferred one is blocked", choose.DefaultHeadStart, 1, 1)
		w.a.quic.blocked.Store(false)
		w.a.tcp.blocked.Store(true)
		w.expect(t, "the other one is blocked", choose.DefaultHeadStart, 1, 1)
		w.expect(t, "an answer clears the preferred one", 0, 1, 0)
	})
}

// TestWhatIsTakenForBlocked: a failure in the network while the other one gets
// through is, an answer that says no and another host are not.
func TestWhatIsTakenForBlocked(t *testing.T) {
	network := error(&transport.NetworkError{Op: "dial", Silent: true})
	refused := error(&transport.RefusedError{})
	for _, row := range []struct {
		name, addr string
		failure    error
		quic       int32 // attempts in the second dial
	}{
		{"no way", "b", network, 0},
		{"refused", "b", refused, 1},
		{"another host", "quic://c,tcp://b", network, 1},
	} {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t, mem.Config{})
			w.a.quic.failure.Store(&row.failure)
			for n, want := range []int32{1, row.quic} {
				if _, quic, tcp, err := w.dial(t, row.addr); err != nil || quic != want || tcp != 1 {
					t.Errorf("%s, dial %d: %d and %d attempts, error %v; want %d and 1", row.name, n, quic, tcp, err, want)
				}
			}
		})
	}
}

// TestEachCandidateHasAHeadStart has three, of which the one answers that is not
// preferred; the others give up when it has.
func TestEachCandidateHasAHeadStart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, mem.Config{})
		w.a.quic.blocked.Store(true)
		took, quic, tcp, err := w.dial(t, "quic://b,quic://c,tcp://b")
		if err != nil || took != choose.DefaultHeadStart || quic != 2 || tcp != 1 {
			t.Errorf("took %v with %d and %d attempts, error %v", took, quic, tcp, err)
		}
		synctest.Wait()
		if n := w.a.quic.pending.Load(); n != 0 {
			t.Errorf("%d attempts go on", n)
		}
	})
}

// TestTheErrorIsOfAllAttempts has each fail for a reason of its own.
func TestTheErrorIsOfAllAttempts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, mem.Config{})
		refused := error(&transport.RefusedError{})
		w.a.quic.failure.Store(&refused)
		if _, _, _, err := w.dial(t, "nobody"); !errors.Is(err, transport.ErrRefused) || !errors.Is(err, transport.ErrNetwork) {
			t.Errorf("%v; want both failures", err)
		}
	})
}

// TestALinkAfterADialWasGivenUpIsClosed has an attempt succeed when nobody waits
// for it any more.
func TestALinkAfterADialWasGivenUpIsClosed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, mem.Config{Path: mem.Path{Delay: 50 * time.Millisecond}})
		w.a.quic.deaf.Store(true)
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
		defer cancel()
		if _, err := w.a.Dial(ctx, w.listener.Addr(), transport.PeerID{2}); !errors.Is(err, context.DeadlineExceeded) {
			t.Fatalf("dial: %v", err)
		}
		w.expectLateLinkClosed(t)
	})
}

// TestALinkThatNobodyAcceptsIsClosed closes the listener meanwhile.
func TestALinkThatNobodyAcceptsIsClosed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, mem.Config{})
		link, err := w.a.Dial(t.Context(), w.listener.Addr(), transport.PeerID{2})
		if err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		_ = w.listener.Close()
		synctest.Wait()
		if link.Context().Err() == nil {
			t.Error("the link is left open")
		}
	})
}

// TestListenOnAllOrNone has an address that one transport cannot have.
func TestListenOnAllOrNone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, mem.Config{})
		taken, err := w.b.tcp.Listen(t.Context(), "c")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.b.Listen(t.Context(), "c"); !errors.Is(err, transport.ErrNetwork) {
			t.Errorf("listen: %v", err)
		}
		_ = taken.Close()
		if _, err := w.b.Listen(t.Context(), "c"); err != nil {
			t.Errorf("the address is not free again: %v", err)
		}
	})
}

func TestAFailureStartsTheNextAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, mem.Config{})
		took, quic, tcp, err := w.dial(t, "quic://nobody,tcp://b")
		if err != nil || took != 0 || quic != 1 || tcp != 1 {
			t.Errorf("took %v with %d and %d attempts, error %v", took, quic, tcp, err)
		}
	})
}

func TestAddressesAreMatchedByScheme(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, mem.Config{})
		rows := []struct {
			addr      string
			quic, tcp int32
			want      error
		}{
			{addr: "b", quic: 1},
			{addr: "tcp://b", tcp: 1},
			{addr: "carrier-pigeon://roof, tcp://b", tcp: 1},
			{addr: "tcp://b, quic://b", quic: 1},
			{addr: "carrier-pigeon://roof", want: choose.ErrNoTransport},
			{addr: "", want: choose.ErrNoTransport},
			{addr: "nobody", quic: 1, tcp: 1, want: transport.ErrNetwork},
		}
		for _, row := range rows {
			_, quic, tcp, err := w.dial(t, row.addr)
			if quic != row.quic || tcp != row.tcp || !errors.Is(err, row.want) {
				t.Errorf("%q: %d and %d attempts, error %v; want %d and %d, %v", row.addr, quic, tcp, err, row.quic, row.tcp, row.want)
			}
		}
	})
}

func TestConfigIsChecked(t *testing.T) {
	one := mem.NewNetwork(mem.Config{}).Node(transport.PeerID{1})
	network := mem.NewNetwork(mem.Config{Versions: transport.Versions{Oldest: 1, Newest: 1}})
	other := &lane{Transport: network.Node(transport.PeerID{1}), scheme: "tcp"}
	for _, transports := range [][]transport.Transport{nil, {one, one}, {one, other}} {
		if _, err := choose.New(choose.Config{Transports: transports}); !errors.Is(err, choose.ErrConfig) {
			t.Errorf("%d transports: %v", len(transports), err)
		}
	}
	chooser, err := choose.New(choose.Config{Transports: []transport.Transport{one}})
	if err != nil {
		t.Fatal(err)
	}
	if scheme := chooser.Scheme(); strings.Contains(scheme, ",") || scheme != one.Scheme() {
		t.Errorf("scheme %q", scheme)
	}
	_ = chooser.Close()
}
