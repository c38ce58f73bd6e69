package peers_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/project-iris/iris/overlay/peers"
	"github.com/project-iris/iris/transport"
	"github.com/project-iris/iris/transport/mem"
)

// raw is a node without peers, for what peers do not do.
func raw(t *testing.T, network *mem.Network, id transport.PeerID) *mem.Transport {
	t.Helper()
	node := network.Node(id)
	t.Cleanup(func() { _ = node.Close() })
	return node
}

// dial links a raw node to another one.
func dial(t *testing.T, from *mem.Transport, to *node) transport.Link {
	t.Helper()
	l, err := from.Dial(t.Context(), addr(to.transport.ID()), to.transport.ID())
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// open opens a stream and writes bytes on it.
func open(t *testing.T, l transport.Link, text string) transport.Stream {
	t.Helper()
	s, err := l.Open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
	return s
}

func expectReset(t *testing.T, s transport.Stream, code transport.Code) {
	t.Helper()
	want := &transport.StreamError{Code: code, Remote: true}
	if _, err := s.Read(make([]byte, 1)); !errors.Is(err, want) {
		t.Errorf("stream: %v, want %v", err, want)
	}
}

func kindOf(k peers.Kind) string { return string([]byte{byte(k)}) }

// TestStreamsBeforeUseAreHeld: the decider's lanes overtake its control stream.
func TestStreamsBeforeUseAreHeld(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		network := mem.NewNetwork(mem.Config{})
		b := start(t, network, high)
		l := dial(t, raw(t, network, low), b)
		for i := range 300 {
			s := open(t, l, kindOf(peers.KindLane)+fmt.Sprint(i)+strings.Repeat("x", 40_000))
			if err := s.CloseWrite(); err != nil {
				t.Fatal(err)
			}
		}
		_ = l.SendDatagram([]byte("dropped"))
		time.Sleep(4 * time.Second)
		if ups, arrivals, datagrams := b.count(); ups != 0 || len(arrivals) != 0 || datagrams != 0 || b.Get(low) != nil {
			t.Fatalf("before use: %d up, %d streams, %d datagrams", ups, len(arrivals), datagrams)
		}
		open(t, l, kindOf(peers.KindControl))
		time.Sleep(time.Millisecond)
		_ = l.SendDatagram([]byte("passed on"))
		time.Sleep(time.Millisecond)
		ups, arrivals, datagrams := b.count()
		if ups != 1 || len(arrivals) != 300 || datagrams != 1 {
			t.Fatalf("%d up, %d streams, %d datagrams", ups, len(arrivals), datagrams)
		}
		seen := make(map[string]bool)
		for _, a := range arrivals {
			seen[strings.TrimRight(a.text, "x")] = len(a.text) > 40_000 && a.kind == peers.KindLane && a.from == low
		}
		for i := range 300 {
			if !seen[fmt.Sprint(i)] {
				t.Errorf("stream %d did not arrive in full", i)
			}
		}
	})
}

// TestABurstOfStreamsIsTaken: as many as a peer may open, at once.
func TestABurstOfStreamsIsTaken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		network := mem.NewNetwork(mem.Config{Path: mem.Path{Delay: time.Millisecond}})
		a, b := start(t, network, low), start(t, network, high)
		p, err := a.Dial(t.Context(), addr(high), high)
		if err != nil {
			t.Fatal(err)
		}
		for range 2000 {
			s, err := p.Open(t.Context(), peers.KindTunnel)
			if err != nil {
				t.Fatal(err)
			}
			_ = s.CloseWrite()
		}
		time.Sleep(time.Second)
		if _, arrivals, _ := b.count(); len(arrivals) != 2000 {
			t.Errorf("%d of 2000 streams arrived", len(arrivals))
		}
	})
}

func TestBadStreamsCostThemselvesOnly(t *testing.T) {
	rows := []struct {
		name     string
		intruder transport.PeerID
		text     string
		code     transport.Code
		within   time.Duration
	}{
		{"a second control stream", low, kindOf(peers.KindControl), transport.CodeProtocol, 0},
		{"a control stream of the side that does not decide", high, kindOf(peers.KindControl), transport.CodeProtocol, 0},
		{"nothing", low, "", transport.CodeProtocol, 5 * time.Second},
		{"nothing from the other side", high, "", transport.CodeProtocol, 5 * time.Second},
		{"a decider that says it has lost a link", low, "\x05", transport.CodeProtocol, 0},
		{"a decider that says it has another link", low, "\x06", transport.CodeProtocol, 0},
		{"a second word about another link", high, "\x05", transport.CodeProtocol, 0},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				network := mem.NewNetwork(mem.Config{})
				n := start(t, network, transport.PeerID{1, 128})
				l := dial(t, raw(t, network, row.intruder), n)
				if row.intruder == low {
					open(t, l, kindOf(peers.KindControl))
				} else {
					open(t, l, "\x05")
				}
				synctest.Wait()
				if n.Get(row.intruder) == nil {
					t.Fatal("the link did not come into use")
				}
				begin := time.Now()
				s := open(t, l, row.text)
				if row.text == "" {
					_ = s.SetReadDeadline(time.Now().Add(time.Minute))
					s2 := open(t, l, kindOf(peers.KindLane)+"beside it")
					_ = s2.CloseWrite()
				}
				if row.text != "" {
					expectReset(t, s, row.code)
				} else {
					time.Sleep(row.within)
				}
				if took := time.Since(begin); took > row.within {
					t.Errorf("took %v", took)
				}
				last := open(t, l, kindOf(peers.KindLane)+"still good")
				_ = last.CloseWrite()
				synctest.Wait()
				_, arrivals, _ := n.count()
				if len(arrivals) == 0 || arrivals[len(arrivals)-1].text != "still good" {
					t.Errorf("the link suffered: %v", arrivals)
				}
			})
		})
	}
}

// TestStreamsThatSayNothingAreBounded: the link's other streams wait for them, and no
// longer than their time; another link does not.
func TestStreamsThatSayNothingAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		network := mem.NewNetwork(mem.Config{})
		n := start(t, network, high)
		l := dial(t, raw(t, network, low), n)
		open(t, l, kindOf(peers.KindControl))
		other := dial(t, raw(t, network, transport.PeerID{1, 1}), n)
		open(t, other, kindOf(peers.KindControl))
		silent := make([]transport.Stream, 0, 64)
		for range 64 {
			s, err := l.Open(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			silent = append(silent, s)
			// A stream that the peer learns of, without a byte: its other direction ends.
			s.CancelRead(transport.CodeNone)
		}
		synctest.Wait()
		for _, link := range []transport.Link{l, other} {
			s := open(t, link, kindOf(peers.KindLane)+"hello")
			_ = s.CloseWrite()
		}
		synctest.Wait()
		if _, arrivals, _ := n.count(); len(arrivals) != 1 {
			t.Errorf("%d streams arrived, want the one of the other link", len(arrivals))
		}
		time.Sleep(5 * time.Second)
		synctest.Wait()
		if _, arrivals, _ := n.count(); len(arrivals) != 2 {
			t.Errorf("%d streams arrived after the silent ones' time", len(arrivals))
		}
		for i, s := range silent {
			if _, err := s.Write([]byte{2}); !errors.Is(err, &transport.StreamError{Code: transport.CodeProtocol, Remote: true}) {
				t.Errorf("silent stream %d: %v", i, err)
			}
		}
	})
}

// TestAStreamMayRest once it has said what it is for.
func TestAStreamMayRest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		network := mem.NewNetwork(mem.Config{})
		n := start(t, network, high)
		l := dial(t, raw(t, network, low), n)
		open(t, l, kindOf(peers.KindControl))
		s := open(t, l, kindOf(peers.KindLane))
		time.Sleep(10 * time.Minute)
		if _, err := s.Write([]byte("late")); err != nil {
			t.Fatal(err)
		}
		_ = s.CloseWrite()
		synctest.Wait()
		if _, arrivals, _ := n.count(); len(arrivals) != 1 || arrivals[0].text != "late" {
			t.Errorf("arrived: %v", arrivals)
		}
	})
}

// TestALinkThatSaysNothingTakesNobodysPlace, until the link in use has ended.
func TestALinkThatSaysNothingTakesNobodysPlace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		network := mem.NewNetwork(mem.Config{})
		n := start(t, network, low)
		intruder := raw(t, network, high)
		used := dial(t, intruder, n)
		time.Sleep(time.Minute)
		silent := dial(t, intruder, n)
		expectEnded(t, silent, 6*time.Second, "a link that says nothing")
		if n.Get(high) == nil || used.Context().Err() != nil {
			t.Error("the link in use has ended")
		}
		dial(t, intruder, n)
		time.Sleep(time.Second)
		_ = used.Close(nil)
		synctest.Wait()
		if n.Get(high) == nil {
			t.Error("the one that is left is not used")
		}
	})
}

// TestUnknownKindsGoToTheHandler and end when it returns.
func TestUnknownKindsGoToTheHandler(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		network := mem.NewNetwork(mem.Config{})
		n := start(t, network, low)
		l := dial(t, raw(t, network, high), n)
		s := open(t, l, "\xffnews")
		_ = s.CloseWrite()
		expectReset(t, s, transport.CodeNone)
		if _, arrivals, _ := n.count(); len(arrivals) != 1 || arrivals[0].kind != 0xff || arrivals[0].text != "news" {
			t.Errorf("arrived: %v", arrivals)
		}
	})
}

func TestLinksThatAreNeverUsedAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		network := mem.NewNetwork(mem.Config{})
		n := start(t, network, high)
		intruder := raw(t, network, low)
		var links []transport.Link
		for range 100 {
			l, err := intruder.Dial(t.Context(), addr(high), high)
			if closed := (*transport.ClosedError)(nil); errors.As(err, &closed) && closed.Code == transport.CodeBusy {
				continue
			}
			if err != nil {
				t.Fatal(err)
			}
			if synctest.Wait(); l.Context().Err() == nil {
				links = append(links, l)
				open(t, l, kindOf(peers.KindLane)+"held")
			}
		}
		if len(links) != 8 {
			t.Errorf("%d links of one node without use", len(links))
		}
		time.Sleep(5 * time.Second)
		synctest.Wait()
		for _, l := range links {
			if l.Context().Err() == nil {
				t.Error("a link without use lives on")
			}
		}
		if ups, _, _ := n.count(); ups != 0 {
			t.Errorf("%d came up", ups)
		}
	})
}

func TestAllLinksAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		network := mem.NewNetwork(mem.Config{})
		n := &node{transport: network.Node(low), recorder: newRecorder(t)}
		n.Peers = peers.New(peers.Config{Self: low, Transport: n.transport, Handler: n.recorder, MaxLinks: 10})
		t.Cleanup(func() { n.stop(nil) })
		listener, err := n.transport.Listen(t.Context(), addr(low))
		if err != nil {
			t.Fatal(err)
		}
		n.serving.Go(func() { n.Serve(listener) })
		for i := range 20 {
			_, _ = raw(t, network, transport.PeerID{2, byte(i)}).Dial(t.Context(), addr(low), low)
			synctest.Wait()
		}
		if got := len(n.All()); got != 10 {
			t.Errorf("%d links, want 10", got)
		}
		_ = n.All()[0].Link().Close(nil)
		synctest.Wait()
		dial(t, raw(t, network, transport.PeerID{3}), n)
		synctest.Wait()
		if n.Get(transport.PeerID{3}) == nil {
			t.Error("a link that ended makes no room")
		}
	})
}

// stuck is a transport to a peer that gives no stream any room to write.
type stuck struct {
	transport.Transport
	peer transport.PeerID
}

func (s stuck) Dial(ctx context.Context, addr string, want transport.PeerID) (transport.Link, error) {
	l, err := s.Transport.Dial(ctx, addr, want)
	if err == nil && l.Peer() == s.peer {
		l = stuckLink{l}
	}
	return l, err
}

type stuckLink struct{ transport.Link }

func (l stuckLink) Open(ctx context.Context) (transport.Stream, error) {
	s, err := l.Link.Open(ctx)
	return &stuckStream{Stream: s, link: l.Link, passed: make(chan struct{})}, err
}

type stuckStream struct {
	transport.Stream
	link   transport.Link
	passed chan struct{}
}

func (s *stuckStream) SetWriteDeadline(time.Time) error {
	close(s.passed)
	return nil
}

func (s *stuckStream) Write([]byte) (int, error) {
	select {
	case <-s.passed:
		return 0, os.ErrDeadlineExceeded
	case <-s.link.Context().Done():
		return 0, context.Cause(s.link.Context())
	}
}

// TestAPeerThatTakesNothingHoldsUpNobody: neither what is decided beside it nor, for
// ever, who opens a stream to it.
func TestAPeerThatTakesNothingHoldsUpNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		network := mem.NewNetwork(mem.Config{})
		r := newRecorder(t)
		third := transport.PeerID{3}
		a := peers.New(peers.Config{Self: low, Transport: stuck{raw(t, network, low), high}, Handler: r})
		defer r.expectBalance()
		defer a.Close(nil)
		silent, err := raw(t, network, high).Listen(t.Context(), addr(high)) // never ends a link itself
		if err != nil {
			t.Fatal(err)
		}
		defer silent.Close()
		start(t, network, third)
		p, err := a.Dial(t.Context(), addr(high), high)
		if err != nil {
			t.Fatal(err)
		}
		begin := time.Now()
		if _, err := a.Dial(t.Context(), addr(third), third); err != nil || time.Since(begin) > 0 {
			t.Errorf("another link: %v after %v", err, time.Since(begin))
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := p.Open(ctx, peers.KindLane); !errors.Is(err, context.DeadlineExceeded) || time.Since(begin) != time.Second {
			t.Errorf("a stream: %v after %v", err, time.Since(begin))
		}
		<-p.Context().Done()
		if took := time.Since(begin); took > 5*time.Second {
			t.Errorf("a link that cannot be used lives for %v", took)
		}
	})
}
