package mem_test

import (
	"context"
	"errors"
	"io"
	"testing"
	"testing/synctest"
	"time"

	"github.com/project-iris/iris/transport"
	"github.com/project-iris/iris/transport/mem"
)

// world is a network of two nodes and a link between them.
type world struct {
	network      *mem.Network
	nodeA, nodeB *mem.Transport
	a, b         transport.Link
}

func newWorld(t *testing.T, config mem.Config) *world {
	t.Helper()
	w := &world{network: mem.NewNetwork(config)}
	w.nodeA, w.nodeB = w.network.Node(transport.PeerID{1}), w.network.Node(transport.PeerID{2})
	t.Cleanup(func() {
		_ = w.nodeA.Close()
		_ = w.nodeB.Close()
	})
	listener, err := w.nodeB.Listen(t.Context(), "b")
	if err != nil {
		t.Fatal(err)
	}
	if w.a, err = w.nodeA.Dial(t.Context(), "b", w.nodeB.ID()); err != nil {
		t.Fatal(err)
	}
	if w.b, err = listener.Accept(t.Context()); err != nil {
		t.Fatal(err)
	}
	return w
}

// say writes a word on a new stream and returns the stream.
func (w *world) say(t *testing.T, word string) transport.Stream {
	t.Helper()
	s, err := w.a.Open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(s, word); err != nil {
		t.Fatal(err)
	}
	return s
}

// hear accepts a stream and reads as many bytes as the word has.
func (w *world) hear(t *testing.T, word string) {
	t.Helper()
	s, err := w.b.Accept(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	got := make([]byte, len(word))
	if _, err := io.ReadFull(s, got); err != nil || string(got) != word {
		t.Fatalf("heard %q, %v; want %q", got, err, word)
	}
}

func TestDelayIsKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const delay = 70 * time.Millisecond
		w := newWorld(t, mem.Config{Path: mem.Path{Delay: delay}})
		start := time.Now()
		w.say(t, "far")
		w.hear(t, "far")
		if took := time.Since(start); took != delay {
			t.Errorf("one way took %v, want %v", took, delay)
		}
		if rtt := w.a.Stats().RTT; rtt != 2*delay {
			t.Errorf("round trip %v, want %v", rtt, 2*delay)
		}
	})
}

func TestBandwidthIsKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, mem.Config{Path: mem.Path{Bandwidth: 1 << 20}, Window: 1 << 20})
		start := time.Now()
		content := string(make([]byte, 512<<10))
		w.say(t, content)
		w.hear(t, content)
		if took := time.Since(start); took < 500*time.Millisecond || took > 510*time.Millisecond {
			t.Errorf("half a MiB at 1 MiB/s took %v", took)
		}
	})
}

func TestDatagramsAreLostByChance(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, mem.Config{Path: mem.Path{Loss: 0.25}})
		const sent = 10_000
		arrived := 0
		for range sent {
			if err := w.a.SendDatagram([]byte{1}); err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithTimeout(t.Context(), time.Nanosecond)
			if _, err := w.b.ReceiveDatagram(ctx); err == nil {
				arrived++
			}
			cancel()
		}
		if part := float64(arrived) / sent; part < 0.73 || part > 0.77 {
			t.Errorf("%.3f of the datagrams arrived with a loss of 0.25", part)
		}
	})
}

func TestAShortPartitionHoldsStreamsUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, mem.Config{Path: mem.Path{Delay: time.Millisecond}})
		w.network.Partition([]transport.PeerID{w.nodeA.ID()}, []transport.PeerID{w.nodeB.ID()})
		start := time.Now()
		w.say(t, "held up")
		if err := w.a.SendDatagram([]byte("lost")); err != nil {
			t.Fatal(err)
		}
		time.AfterFunc(5*time.Second, w.network.Heal)
		w.hear(t, "held up")
		if took := time.Since(start); took != 5*time.Second {
			t.Errorf("arrived after %v, the partition took 5 s", took)
		}
		time.Sleep(time.Minute) // virtual: the idle timeout is not to strike later
		if err := w.a.Context().Err(); err != nil {
			t.Errorf("the link did not survive: %v", context.Cause(w.a.Context()))
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if got, err := w.b.ReceiveDatagram(ctx); err == nil {
			t.Errorf("datagram %q went through a partition", got)
		}
	})
}

func TestACutOfOneWayHoldsThatUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, mem.Config{Path: mem.Path{Delay: time.Millisecond}})
		start := time.Now()
		w.network.CutOneWay(w.nodeB.ID(), w.nodeA.ID())
		w.say(t, "from a to b")
		w.hear(t, "from a to b")
		if took := time.Since(start); took != time.Millisecond {
			t.Errorf("what goes the other way arrived after %v", took)
		}
		if err := w.b.SendDatagram([]byte("lost")); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if got, err := w.a.ReceiveDatagram(ctx); err == nil {
			t.Errorf("datagram %q went through a cut", got)
		}
		w.network.Heal()
		if err := w.b.SendDatagram([]byte("again")); err != nil {
			t.Fatal(err)
		}
		if got, err := w.a.ReceiveDatagram(t.Context()); err != nil || string(got) != "again" {
			t.Errorf("received %q, %v after the cut", got, err)
		}
	})
}

func TestALongPartitionEndsLinks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const idle = 7 * time.Second
		w := newWorld(t, mem.Config{IdleTimeout: idle})
		start := time.Now()
		w.network.Partition([]transport.PeerID{w.nodeA.ID()}, []transport.PeerID{w.nodeB.ID()})
		for _, l := range []transport.Link{w.a, w.b} {
			<-l.Context().Done()
			expectSilence(t, context.Cause(l.Context()))
		}
		if took := time.Since(start); took != idle {
			t.Errorf("noticed after %v, want %v", took, idle)
		}
		w.network.Heal()
		if _, err := w.nodeA.Dial(t.Context(), "b", w.nodeB.ID()); err != nil {
			t.Errorf("dial after healing: %v", err)
		}
	})
}

func TestADeadPeerIsNoticed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const idle = 7 * time.Second
		w := newWorld(t, mem.Config{IdleTimeout: idle})
		start := time.Now()
		w.nodeB.Kill()
		if err := context.Cause(w.b.Context()); !errors.Is(err, mem.ErrKilled) || !errors.Is(err, transport.ErrNetwork) {
			t.Errorf("the killed side's link: %v", err)
		}
		w.say(t, "anybody there?")
		<-w.a.Context().Done()
		expectSilence(t, context.Cause(w.a.Context()))
		if took := time.Since(start); took != idle {
			t.Errorf("noticed after %v, want %v", took, idle)
		}
		reborn := w.network.Node(w.nodeB.ID())
		defer reborn.Close()
		if _, err := reborn.Listen(t.Context(), "b"); err != nil {
			t.Errorf("listen again: %v", err)
		}
	})
}

func TestDialIntoAPartitionFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, mem.Config{})
		w.network.Partition([]transport.PeerID{w.nodeA.ID()}, []transport.PeerID{w.nodeB.ID()})
		_, err := w.nodeA.Dial(t.Context(), "b", w.nodeB.ID())
		expectSilence(t, err)
	})
}

func expectSilence(t *testing.T, err error) {
	t.Helper()
	failure, ok := errors.AsType[*transport.NetworkError](err)
	if !ok || !failure.Silent || !failure.Timeout() || !errors.Is(err, transport.ErrNetwork) {
		t.Errorf("got %v; want a network error by silence", err)
	}
}
