package peers_test

import (
	"context"
	"io"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/project-iris/iris/overlay/peers"
	"github.com/project-iris/iris/transport"
	"github.com/project-iris/iris/transport/mem"
)

// bulkMessage is what says that a link is a bulk link.
const bulkMessage = "\x07"

// connect links two nodes, and returns the link's two ends.
func connect(t *testing.T, a, b *node) (ab, ba *peers.Peer) {
	t.Helper()
	ab, err := a.Dial(t.Context(), addr(b.transport.ID()), b.transport.ID())
	if err != nil {
		t.Fatal(err)
	}
	ba, err = b.Await(t.Context(), a.transport.ID())
	if err != nil {
		t.Fatal(err)
	}
	return ab, ba
}

// sendBulk sends a text on a bulk stream of its own, to its end.
func sendBulk(t *testing.T, n *node, p *peers.Peer, text string) {
	t.Helper()
	s, err := n.OpenBulk(t.Context(), p, peers.KindTunnel)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(s, text); err != nil {
		t.Fatal(err)
	}
	if err := s.CloseWrite(); err != nil {
		t.Fatal(err)
	}
	_, _ = s.Read(make([]byte, 1)) // the handler has returned
}

func TestBulkStreamsHaveALinkOfTheirOwn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		network := mem.NewNetwork(mem.Config{Path: mem.Path{Delay: time.Millisecond}})
		a, b := start(t, network, low), start(t, network, high)
		ab, ba := connect(t, a, b)
		b.Keep(low, addr(low)) // which lets b dial as well
		synctest.Wait()
		before := [2]uint64{ab.Link().Stats().StreamsOpened, ba.Link().Stats().StreamsOpened}
		var senders sync.WaitGroup
		for range 20 {
			senders.Go(func() { sendBulk(t, a, ab, "there") })
			senders.Go(func() { sendBulk(t, b, ba, "and back") })
		}
		senders.Wait()
		for _, n := range []*node{a, b} {
			ups, arrivals, _ := n.count()
			if ups != 1 || len(arrivals) != 20 {
				t.Errorf("%d links are up, and %d streams have arrived", ups, len(arrivals))
			}
		}
		after := [2]uint64{ab.Link().Stats().StreamsOpened, ba.Link().Stats().StreamsOpened}
		if before != after {
			t.Errorf("%d streams were opened on the link itself, then %d", before, after)
		}
		expectOneLink(t, a, b)
	})
}

func TestABulkLinkEndsWithItsMainLink(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		network := mem.NewNetwork(mem.Config{Path: mem.Path{Delay: time.Millisecond}})
		a, b := start(t, network, low), start(t, network, high)
		ab, _ := connect(t, a, b)
		s, err := a.OpenBulk(t.Context(), ab, peers.KindTunnel)
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		ab.Link().Close(nil)
		time.Sleep(time.Second)
		if _, err := s.Write([]byte("anybody there?")); err == nil {
			t.Error("a stream has outlived the link")
		}
		if up := len(b.living()); up != 0 {
			t.Errorf("%d links are up", up)
		}
		if _, err := a.OpenBulk(t.Context(), ab, peers.KindTunnel); err == nil {
			t.Error("a stream was opened on a link that has ended")
		}
	})
}

// onceTransport makes one link; then dial is called.
type onceTransport struct {
	transport.Transport
	made bool
	dial func(ctx context.Context) error
}

func (o *onceTransport) Dial(ctx context.Context, addr string, want transport.PeerID) (transport.Link, error) {
	if o.made {
		return nil, o.dial(ctx)
	}
	o.made = true
	return o.Transport.Dial(ctx, addr, want)
}

// Where there can be no bulk link, bulk data goes over the link that there is, soon.
func TestBulkStreamsFallBackToTheMainLink(t *testing.T) {
	silent := func(ctx context.Context) error {
		<-ctx.Done()
		return ctx.Err()
	}
	rows := []struct {
		name         string
		limit        time.Duration // of the context
		dial         func(ctx context.Context) error
		first, again time.Duration // that opening takes
	}{
		{"a dial that fails", time.Minute, func(context.Context) error { return transport.ErrNetwork }, 0, 0},
		{"a dial that gets no answer", time.Minute, silent, time.Second, time.Second},
		{"a dial that gets no answer, and little time", time.Second, silent, time.Second / 2, time.Second / 2},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				network := mem.NewNetwork(mem.Config{})
				b := start(t, network, high)
				once := &onceTransport{Transport: raw(t, network, low), dial: row.dial}
				a := &node{recorder: newRecorder(t)}
				a.Peers = peers.New(peers.Config{Self: low, Transport: once, Handler: a.recorder})
				defer a.Close(nil)
				ab, err := a.Dial(t.Context(), addr(high), high)
				if err != nil {
					t.Fatal(err)
				}
				for _, want := range []time.Duration{row.first, row.again} {
					began := time.Now()
					ctx, cancel := context.WithTimeout(t.Context(), row.limit)
					s, err := a.OpenBulk(ctx, ab, peers.KindTunnel)
					if took := time.Since(began); err != nil || took != want {
						t.Fatalf("opened after %v, want %v: %v", took, want, err)
					}
					cancel()
					_ = s.CloseWrite()
				}
				time.Sleep(10 * time.Second) // the dial has ended
				began := time.Now()
				s, err := a.OpenBulk(t.Context(), ab, peers.KindTunnel)
				if took := time.Since(began); err != nil || took != 0 {
					t.Fatalf("opened after %v, want at once, as nothing is dialled again so soon: %v", took, err)
				}
				_ = s.CloseWrite()
				synctest.Wait()
				if _, arrivals, _ := b.count(); len(arrivals) != 3 {
					t.Errorf("%d streams have arrived", len(arrivals))
				}
			})
		})
	}
}

func TestBadBulkLinks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		network := mem.NewNetwork(mem.Config{})
		n := start(t, network, high)
		intruder := raw(t, network, low)

		alone := dial(t, intruder, n)
		open(t, alone, bulkMessage)
		expectEnded(t, alone, "a bulk link without a main link")

		main := dial(t, intruder, n)
		open(t, main, kindOf(peers.KindControl))
		synctest.Wait()
		var links []transport.Link
		for range 3 {
			l := dial(t, intruder, n)
			open(t, l, bulkMessage)
			synctest.Wait()
			links = append(links, l)
		}
		expectEnded(t, links[2], "a third bulk link")
		for _, kind := range []peers.Kind{peers.KindControl, peers.KindLane, peers.KindMembership} {
			expectReset(t, open(t, links[0], kindOf(kind)), transport.CodeProtocol)
		}
		good := open(t, links[0], kindOf(peers.KindTunnel)+"good")
		_ = good.CloseWrite()
		open(t, links[1], bulkMessage)
		expectEnded(t, links[1], "a bulk link that says so twice")
		if ups, arrivals, _ := n.count(); ups != 1 || len(arrivals) != 1 || main.Context().Err() != nil {
			t.Errorf("%d links are up, %d streams have arrived, main link: %v", ups, len(arrivals), main.Context().Err())
		}
	})
}

func expectEnded(t *testing.T, l transport.Link, what string) {
	t.Helper()
	time.Sleep(time.Second)
	if l.Context().Err() == nil {
		t.Errorf("%s lives", what)
	} else if cause := context.Cause(l.Context()); cause == nil {
		t.Errorf("%s: no cause", what)
	}
}
