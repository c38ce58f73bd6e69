package peers_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/project-iris/iris/overlay/peers"
	"github.com/project-iris/iris/transport"
	"github.com/project-iris/iris/transport/mem"
)

func TestALinkLostToAPartitionIsMadeAgain(t *testing.T) {
	for _, keepers := range [][2]bool{{true, false}, {false, true}, {true, true}} {
		synctest.Test(t, func(t *testing.T) {
			network := mem.NewNetwork(mem.Config{Path: mem.Path{Delay: 5 * time.Millisecond}})
			a, b := start(t, network, low), start(t, network, high)
			if keepers[0] {
				a.Keep(high, addr(high))
			}
			if keepers[1] {
				b.Keep(low, addr(low))
			}
			time.Sleep(time.Minute)
			expectOneLink(t, a, b)
			for range 20 {
				network.Partition([]transport.PeerID{low}, []transport.PeerID{high})
				time.Sleep(3 * time.Minute)
				if a.Get(high) != nil || b.Get(low) != nil || len(a.All()) != 0 {
					t.Fatal("a link goes through a partition")
				}
				network.Heal()
				eventually(t, 4*time.Minute+5*time.Second, "a link on both sides", func() bool {
					return a.Get(high) != nil && b.Get(low) != nil
				})
				time.Sleep(10 * time.Second)
				expectOneLink(t, a, b)
			}
		})
	}
}

// TestALinkThatOneSideLostIsMadeAgain by the side that keeps it, whichever decides.
func TestALinkThatOneSideLostIsMadeAgain(t *testing.T) {
	for _, keeper := range []transport.PeerID{low, high} {
		synctest.Test(t, func(t *testing.T) {
			network := mem.NewNetwork(mem.Config{Path: mem.Path{Delay: 5 * time.Millisecond}})
			a, b := start(t, network, low), start(t, network, high)
			side, other := a, b
			if keeper == high {
				side, other = b, a
			}
			side.Keep(other.transport.ID(), addr(other.transport.ID()))
			for range 10 {
				time.Sleep(time.Minute)
				_ = side.Get(other.transport.ID()).Link().Close(errors.New("broken here"))
				time.Sleep(time.Second) // not longer each time: the links have lasted
				expectOneLink(t, a, b)
			}
		})
	}
}

// dials is a transport that notes when it is asked to dial, and where.
type dials struct {
	transport.Transport
	mu    sync.Mutex
	times []time.Time
	last  string
}

func (d *dials) Dial(ctx context.Context, addr string, want transport.PeerID) (transport.Link, error) {
	d.mu.Lock()
	d.times = append(d.times, time.Now())
	d.last = addr
	d.mu.Unlock()
	return d.Transport.Dial(ctx, addr, want)
}

func (d *dials) taken() []time.Time {
	d.mu.Lock()
	defer d.mu.Unlock()
	return append([]time.Time(nil), d.times...)
}

func (d *dials) lastAddr() string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.last
}

func TestTriesBackOffWithJitter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		network := mem.NewNetwork(mem.Config{})
		d := &dials{Transport: network.Node(low)}
		ps := peers.New(peers.Config{Self: low, Transport: d, Handler: newRecorder(t)})
		defer ps.Close(nil)
		var k keeper
		defer k.end()
		k.keep(ps, high, addr(high))
		time.Sleep(10 * time.Minute)
		times := d.taken()
		if n := len(times); n < 10 || n > 20 {
			t.Errorf("%d tries in ten minutes", n)
		}
		gaps := make(map[time.Duration]int)
		for i := 1; i < len(times); i++ {
			gap := times[i].Sub(times[i-1])
			gaps[gap]++
			if gap < 100*time.Millisecond || gap > 4*time.Minute {
				t.Errorf("gap %d is %v", i, gap)
			}
			if i < 5 && gap > 200*time.Millisecond<<i {
				t.Errorf("gap %d is already %v", i, gap)
			}
			if i > 10 && gap < time.Minute {
				t.Errorf("gap %d is still %v", i, gap)
			}
		}
		if len(gaps) < len(times)/2 {
			t.Errorf("%d different gaps among %d tries: no jitter", len(gaps), len(times))
		}
		start(t, network, high)
		eventually(t, 4*time.Minute, "a link to the node that came", func() bool { return ps.Get(high) != nil })
	})
}

// TestLinksThatDoNotLastAreNotMadeInAHurry: a node that takes each link and ends it.
func TestLinksThatDoNotLastAreNotMadeInAHurry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		network := mem.NewNetwork(mem.Config{})
		d := &dials{Transport: network.Node(low)}
		r := newRecorder(t)
		ps := peers.New(peers.Config{Self: low, Transport: d, Handler: r})
		defer ps.Close(nil)
		var k keeper
		defer k.end()
		bad := network.Node(high)
		defer bad.Close()
		listener, err := bad.Listen(t.Context(), addr(high))
		if err != nil {
			t.Fatal(err)
		}
		go func() {
			for {
				l, err := listener.Accept(t.Context())
				if err != nil {
					return
				}
				time.AfterFunc(50*time.Millisecond, func() { _ = l.Close(errors.New("not you")) })
			}
		}()
		k.keep(ps, high, addr(high))
		time.Sleep(10 * time.Minute)
		if n := len(d.taken()); n < 10 || n > 20 {
			t.Errorf("%d tries in ten minutes", n)
		}
		if ups, _, _ := r.count(); ups < 10 {
			t.Errorf("%d links came up: the test tests nothing", ups)
		}
	})
}

// A link whose path fails again and again is made again within two seconds of the return of the node,
// however short it lasts and however many dials have failed: what waits for it is to wait no longer.
func TestALinkIsMadeAgainSoonHoweverOftenItIsLost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		network := mem.NewNetwork(mem.Config{Path: mem.Path{Delay: 5 * time.Millisecond}, IdleTimeout: time.Second})
		a, b := start(t, network, low), start(t, network, high)
		a.Keep(high, addr(high))
		for round := range 15 {
			eventually(t, 2*time.Second+100*time.Millisecond, "a link to a node that is back", func() bool { return a.Get(high) != nil })
			time.Sleep(time.Second)
			b.kill()
			eventually(t, 2*time.Second, "the link is lost", func() bool { return a.Get(high) == nil })
			time.Sleep(time.Duration(round%5) * time.Second)
			b = start(t, network, high)
		}
	})
}

func TestAKilledNodeIsReplacedByAnother(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		network := mem.NewNetwork(mem.Config{})
		a, b := start(t, network, low), start(t, network, high)
		a.Keep(high, addr(high))
		time.Sleep(time.Minute)
		expectOneLink(t, a, b)
		b.kill()
		time.Sleep(time.Minute)
		if a.Get(high) != nil || len(a.living()) != 0 || !errors.Is(a.lastCause(), transport.ErrNetwork) {
			t.Errorf("the link outlives the node, or ended by %v", a.lastCause())
		}
		// Another node takes the place at the same address: it is not the one wanted.
		third := transport.PeerID{3}
		c := &node{transport: network.Node(third), recorder: newRecorder(t)}
		c.Peers = peers.New(peers.Config{Self: third, Transport: c.transport, Handler: c.recorder})
		t.Cleanup(func() { c.stop(nil) })
		listener, err := c.transport.Listen(t.Context(), addr(high))
		if err != nil {
			t.Fatal(err)
		}
		c.serving.Go(func() { c.Serve(listener) })
		time.Sleep(time.Minute)
		if len(a.All()) != 0 || len(c.All()) != 0 {
			t.Error("another node was taken for the one wanted")
		}
		if _, err := a.Dial(t.Context(), addr(high), high); !errors.Is(err, transport.ErrWrongPeer) {
			t.Errorf("dial of the dead node: %v", err)
		}
		a.Drop(high)
		a.Keep(third, addr(high))
		eventually(t, time.Second, "a link to the new node", func() bool { return a.Get(third) != nil })
	})
}

func TestANodeThatMovesIsFoundAtItsNewAddress(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		network := mem.NewNetwork(mem.Config{})
		a := start(t, network, low)
		a.Keep(high, "nowhere")
		time.Sleep(time.Minute)
		b := start(t, network, high)
		a.Keep(high, addr(high))
		eventually(t, time.Second, "a link at the new address", func() bool { return a.Get(high) != nil })
		first := a.Get(high)
		a.Keep(high, addr(high))
		a.Keep(high, "elsewhere")
		time.Sleep(time.Minute)
		if a.Get(high) != first {
			t.Error("a new address cost a link that is up")
		}
		a.Keep(high, addr(high))
		a.Drop(high)
		a.Drop(high)
		a.Keep(low, addr(low)) // itself: nothing to do
		_ = first.Link().Close(nil)
		time.Sleep(time.Minute)
		if a.Get(high) != nil || b.Get(low) != nil {
			t.Error("a link is made to a node that is not wanted any more")
		}
	})
}

func TestAnOldAddressIsNotDialledAnyMore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &dials{Transport: mem.NewNetwork(mem.Config{}).Node(low)}
		ps := peers.New(peers.Config{Self: low, Transport: d, Handler: newRecorder(t)})
		defer ps.Close(nil)
		var k keeper
		defer k.end()
		k.keep(ps, low, "itself")
		k.keep(ps, high, "old")
		time.Sleep(time.Minute)
		k.keep(ps, high, "new")
		time.Sleep(time.Second)
		for range 100 {
			time.Sleep(time.Second)
			if d.lastAddr() != "new" {
				t.Fatalf("%s is dialled", d.lastAddr())
			}
		}
	})
}

func TestADroppedNodeIsNotDialled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &dials{Transport: mem.NewNetwork(mem.Config{}).Node(low)}
		ps := peers.New(peers.Config{Self: low, Transport: d, Handler: newRecorder(t)})
		defer ps.Close(nil)
		var k keeper
		defer k.end()
		k.keep(ps, high, addr(high))
		time.Sleep(time.Minute)
		k.drop(high)
		ps.Forget(high)
		before := len(d.taken())
		time.Sleep(time.Minute)
		if after := len(d.taken()); after != before {
			t.Errorf("dialled %d times after it was dropped", after-before)
		}
		k.keep(ps, high, addr(high))
		time.Sleep(time.Minute)
		if after := len(d.taken()); after == before {
			t.Error("not dialled though it is to be kept again")
		}
	})
}

func TestCloseEndsADial(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		network := mem.NewNetwork(mem.Config{})
		a := start(t, network, low)
		start(t, network, high)
		network.Partition([]transport.PeerID{low}, []transport.PeerID{high})
		time.AfterFunc(time.Second, func() { a.Close(nil) })
		begin := time.Now()
		_, err := a.Dial(t.Context(), addr(high), high)
		if !errors.Is(err, peers.ErrClosed) || time.Since(begin) != time.Second {
			t.Errorf("%v after %v", err, time.Since(begin))
		}
	})
}

// TestCloseSaysWhy to the other side, and gives the address back.
func TestCloseSaysWhy(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		network := mem.NewNetwork(mem.Config{})
		a, b := start(t, network, low), start(t, network, high)
		connect(t, a, b)
		a.Close(&transport.ClosedError{Code: transport.CodeBusy, Reason: "no time"})
		a.serving.Wait()
		listener, err := a.transport.Listen(t.Context(), addr(low))
		if err != nil {
			t.Fatal(err)
		}
		defer listener.Close()
		synctest.Wait()
		closed, ok := errors.AsType[*transport.ClosedError](b.lastCause())
		if !ok || closed.Code != transport.CodeBusy || closed.Reason != "no time" {
			t.Errorf("the other side's link ended by %v", b.lastCause())
		}
	})
}

func TestDialsThatFail(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		network := mem.NewNetwork(mem.Config{})
		a := start(t, network, low)
		start(t, network, high)
		rows := []struct {
			name, addr string
			id         transport.PeerID
			want       error
		}{
			{"nobody", "nobody", transport.PeerID{}, transport.ErrNetwork},
			{"nobody of that id", "nobody", high, transport.ErrNetwork},
			{"itself as a seed", addr(low), transport.PeerID{}, transport.ErrSelf},
			{"itself", addr(low), low, transport.ErrSelf},
			{"the wrong one", addr(high), transport.PeerID{9}, transport.ErrWrongPeer},
		}
		for _, row := range rows {
			if p, err := a.Dial(t.Context(), row.addr, row.id); !errors.Is(err, row.want) || p != nil {
				t.Errorf("%s: %v, %v; want %v", row.name, p, err, row.want)
			}
		}
		if p, err := a.Dial(t.Context(), addr(high), transport.PeerID{}); err != nil || p.ID() != high {
			t.Errorf("a seed: %v, %v", p, err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := a.Await(ctx, transport.PeerID{9}); !errors.Is(err, peers.ErrNoLink) || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("await of nobody: %v", err)
		}
	})
}

// TestADialOfASilentNodeEnds at its limit, or with the caller's patience.
func TestADialOfASilentNodeEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		network := mem.NewNetwork(mem.Config{})
		a := start(t, network, low)
		start(t, network, high)
		network.Partition([]transport.PeerID{low}, []transport.PeerID{high})
		begin := time.Now()
		if _, err := a.Dial(t.Context(), addr(high), high); err == nil || time.Since(begin) > 5*time.Second {
			t.Errorf("%v after %v", err, time.Since(begin))
		}
		hasty := peers.New(peers.Config{Self: low, Transport: a.transport, Handler: a.recorder, DialTimeout: 2 * time.Second})
		defer hasty.Close(nil)
		begin = time.Now()
		if _, err := hasty.Dial(t.Context(), addr(high), high); !errors.Is(err, context.DeadlineExceeded) || time.Since(begin) != 2*time.Second {
			t.Errorf("%v after %v", err, time.Since(begin))
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		begin = time.Now()
		if _, err := a.Dial(ctx, addr(high), high); !errors.Is(err, context.DeadlineExceeded) || time.Since(begin) != time.Second {
			t.Errorf("%v after %v", err, time.Since(begin))
		}
	})
}

func TestCloseAtAnyTime(t *testing.T) {
	for step := range 60 {
		synctest.Test(t, func(t *testing.T) { // fails if a goroutine remains
			network := mem.NewNetwork(mem.Config{Path: mem.Path{Delay: 10 * time.Millisecond}})
			a, b := start(t, network, low), start(t, network, high)
			a.Keep(high, addr(high))
			b.Keep(low, addr(low))
			a.Keep(transport.PeerID{7}, "nobody")
			failed := make(chan error, 2)
			go func() {
				_, err := a.Await(t.Context(), transport.PeerID{7})
				failed <- err
				_, err = a.Dial(t.Context(), "nobody", transport.PeerID{})
				failed <- err
			}()
			time.Sleep(time.Duration(step) * 3 * time.Millisecond)
			begin := time.Now()
			a.stop(errors.New("the end"))
			a.Close(nil) // again does nothing
			if took := time.Since(begin); took > 0 {
				t.Errorf("step %d: Close took %v", step, took)
			}
			for range 2 {
				if err := <-failed; !errors.Is(err, peers.ErrClosed) {
					t.Errorf("step %d: %v", step, err)
				}
			}
			if a.Get(high) != nil {
				t.Errorf("step %d: a link after Close", step)
			}
			time.Sleep(time.Second)
			if b.Get(low) != nil {
				t.Errorf("step %d: the other side was not told", step)
			}
		})
	}
}
