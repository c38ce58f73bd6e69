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
				time.Sleep(30 * time.Second)
				once.made = false
				before := ab.Link().Stats().StreamsOpened
				sendBulk(t, a, ab, "on a link of its own")
				if after := ab.Link().Stats().StreamsOpened; after != before {
					t.Error("no bulk link is dialled again after half a minute")
				}
			})
		})
	}
}

// TestBulkStreamsAreNotAwaitedInVain: who waits for a bulk link does not when that is
// for nothing, and nor does the dial.
func TestBulkStreamsAreNotAwaitedInVain(t *testing.T) {
	rows := []struct {
		name string
		end  func(main *peers.Peer, cancel context.CancelFunc)
	}{
		{"the main link ends", func(main *peers.Peer, _ context.CancelFunc) { _ = main.Link().Close(nil) }},
		{"the caller gives up", func(_ *peers.Peer, cancel context.CancelFunc) { cancel() }},
	}
	for i, row := range rows {
		synctest.Test(t, func(t *testing.T) {
			network := mem.NewNetwork(mem.Config{})
			start(t, network, high)
			begin := time.Now()
			dialled := make(chan time.Duration, 1)
			once := &onceTransport{Transport: raw(t, network, low), dial: func(ctx context.Context) error {
				<-ctx.Done()
				dialled <- time.Since(begin)
				return ctx.Err()
			}}
			a := peers.New(peers.Config{Self: low, Transport: once, Handler: newRecorder(t)})
			defer a.Close(nil)
			ab, err := a.Dial(t.Context(), addr(high), high)
			if err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			time.AfterFunc(time.Second/10, func() { row.end(ab, cancel) })
			if _, err := a.OpenBulk(ctx, ab, peers.KindTunnel); err == nil || time.Since(begin) != time.Second/10 {
				t.Errorf("%s: %v after %v", row.name, err, time.Since(begin))
			}
			// Others may wait for a dial that one caller has given up.
			if want := []time.Duration{time.Second / 10, 5 * time.Second}[i]; <-dialled != want {
				t.Errorf("%s: the dial did not end after %v", row.name, want)
			}
		})
	}
}

// linkRecorder is a transport that keeps the links that it has made.
type linkRecorder struct {
	transport.Transport
	links []transport.Link
}

func (r *linkRecorder) Dial(ctx context.Context, addr string, want transport.PeerID) (transport.Link, error) {
	l, err := r.Transport.Dial(ctx, addr, want)
	r.links = append(r.links, l)
	return l, err
}

func TestABulkLinkThatEndsIsMadeAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		network := mem.NewNetwork(mem.Config{})
		b := start(t, network, high)
		made := &linkRecorder{Transport: raw(t, network, low)}
		a := &node{recorder: newRecorder(t)}
		a.Peers = peers.New(peers.Config{Self: low, Transport: made, Handler: a.recorder})
		defer a.Close(nil)
		ab, err := a.Dial(t.Context(), addr(high), high)
		if err != nil {
			t.Fatal(err)
		}
		before := ab.Link().Stats().StreamsOpened
		for times := range 4 {
			sendBulk(t, a, ab, "there")
			synctest.Wait()
			if len(made.links) != 2+times {
				t.Fatalf("%d links were made, want the %d. bulk link", len(made.links), times+1)
			}
			_ = made.links[1+times].Close(nil)
			time.Sleep(time.Second)
		}
		if after := ab.Link().Stats().StreamsOpened; after != before || len(b.living()) != 1 {
			t.Errorf("%d streams were opened on the link itself, and %d links are up", after-before, len(b.living()))
		}
	})
}

// TestABulkLinkTooManyIsNotMade, but once there is room, however often it was tried.
func TestABulkLinkTooManyIsNotMade(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		network := mem.NewNetwork(mem.Config{})
		third := transport.PeerID{3}
		start(t, network, high)
		start(t, network, third)
		a := &node{recorder: newRecorder(t)}
		a.Peers = peers.New(peers.Config{Self: low, Transport: raw(t, network, low), Handler: a.recorder, MaxLinks: 2})
		defer a.Close(nil)
		dial := func(id transport.PeerID) *peers.Peer {
			p, err := a.Dial(t.Context(), addr(id), id)
			if err != nil {
				t.Fatal(err)
			}
			return p
		}
		main, other := dial(high), dial(third)
		before := main.Link().Stats().StreamsOpened
		for range 3 {
			sendBulk(t, a, main, "on the main link")
			time.Sleep(time.Minute)
		}
		if after := main.Link().Stats().StreamsOpened; after != before+3 {
			t.Errorf("%d of 3 streams were opened on the main link", after-before)
		}
		_ = other.Link().Close(nil)
		time.Sleep(time.Minute)
		sendBulk(t, a, main, "on a link of its own")
		if after := main.Link().Stats().StreamsOpened; after != before+3 {
			t.Error("no bulk link though there is room")
		}
	})
}

// TestAPeerCannotTakeABulkLinkForItsOwn: only who has dialled a link says what it is.
func TestAPeerCannotTakeABulkLinkForItsOwn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		network := mem.NewNetwork(mem.Config{})
		n := start(t, network, low)
		listener, err := raw(t, network, high).Listen(t.Context(), addr(high))
		if err != nil {
			t.Fatal(err)
		}
		defer listener.Close()
		main, err := n.Dial(t.Context(), addr(high), high)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := n.OpenBulk(t.Context(), main, peers.KindTunnel); err != nil {
			t.Fatal(err)
		}
		var bulk transport.Link
		for range 2 {
			if bulk, err = listener.Accept(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		open(t, bulk, bulkMessage)
		expectEnded(t, bulk, time.Second, "a bulk link that the wrong side names")
		if main.Context().Err() != nil {
			t.Error("the main link has ended")
		}
	})
}

// slowHandler is one whose streams outlive their link by a second.
type slowHandler struct{ *recorder }

func (h slowHandler) Stream(p *peers.Peer, _ peers.Kind, _ transport.Stream) {
	h.expectUp(p, 1)
	defer h.expectUp(p, -1)
	<-p.Context().Done()
	time.Sleep(time.Second)
}

// TestALinkIsDownWhenItsStreamsHaveBeenHandled, those of its bulk link too; but out of
// use at once.
func TestALinkIsDownWhenItsStreamsHaveBeenHandled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		network := mem.NewNetwork(mem.Config{})
		a := start(t, network, low)
		b := &node{transport: network.Node(high), recorder: newRecorder(t)}
		b.Peers = peers.New(peers.Config{Self: high, Transport: b.transport, Handler: slowHandler{b.recorder}})
		t.Cleanup(func() { b.stop(nil) })
		listener, err := b.transport.Listen(t.Context(), addr(high))
		if err != nil {
			t.Fatal(err)
		}
		b.serving.Go(func() { b.Serve(listener) })
		ab, ba := connect(t, a, b)
		if _, err := a.OpenBulk(t.Context(), ab, peers.KindTunnel); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		_ = ba.Link().Close(nil)
		synctest.Wait()
		if b.Get(low) != nil {
			t.Error("a link that has ended is in use")
		}
		if len(b.living()) != 1 {
			t.Error("a link is down before its streams have been handled")
		}
		a.Keep(high, addr(high))
		time.Sleep(500 * time.Millisecond)
		if ups, _, _ := b.count(); ups != 1 {
			t.Error("the next link is up before the one before it is down")
		}
		time.Sleep(1500 * time.Millisecond)
		if ups, _, _ := b.count(); ups != 2 {
			t.Errorf("%d links came up, want the next one after the one before", ups)
		}
		a.Drop(high)
		_ = b.Get(low).Link().Close(nil)
		time.Sleep(2 * time.Second)
		if len(b.living()) != 0 {
			t.Error("a link is not down")
		}
	})
}

func TestBadBulkLinks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		network := mem.NewNetwork(mem.Config{})
		n := start(t, network, high)
		intruder := raw(t, network, low)

		alone := dial(t, intruder, n)
		open(t, alone, bulkMessage)
		expectEnded(t, alone, time.Second, "a bulk link without a main link")

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
		expectEnded(t, links[2], time.Second, "a third bulk link")
		for _, kind := range []peers.Kind{peers.KindControl, peers.KindLane, peers.KindMembership} {
			expectReset(t, open(t, links[0], kindOf(kind)), transport.CodeProtocol)
		}
		good := open(t, links[0], kindOf(peers.KindTunnel)+"good")
		_ = good.CloseWrite()
		synctest.Wait()
		_ = links[0].Close(nil)
		synctest.Wait() // there is room for another one
		open(t, links[1], bulkMessage)
		expectEnded(t, links[1], time.Second, "a bulk link that says so twice")
		if ups, arrivals, _ := n.count(); ups != 1 || len(arrivals) != 1 || main.Context().Err() != nil {
			t.Errorf("%d links are up, %d streams have arrived, main link: %v", ups, len(arrivals), main.Context().Err())
		}
		open(t, main, bulkMessage)
		expectEnded(t, main, time.Second, "a bulk link of its own")
	})
}

func expectEnded(t *testing.T, l transport.Link, within time.Duration, what string) {
	t.Helper()
	time.Sleep(within)
	if l.Context().Err() == nil {
		t.Errorf("%s lives", what)
	} else if cause := context.Cause(l.Context()); cause == nil {
		t.Errorf("%s: no cause", what)
	}
}
