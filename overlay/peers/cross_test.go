package peers_test

import (
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/project-iris/iris/overlay/peers"
	"github.com/project-iris/iris/transport"
	"github.com/project-iris/iris/transport/mem"
)

var low, high = transport.PeerID{1}, transport.PeerID{2}

func TestNodesThatDialEachOtherUseOneLink(t *testing.T) {
	for seed := range uint64(200) {
		delay := []time.Duration{0, time.Microsecond, time.Millisecond, 40 * time.Millisecond, 300 * time.Millisecond}[seed%5]
		path := mem.Path{Delay: delay, Jitter: delay * time.Duration(seed%3), Loss: 0.1}
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { dialEachOther(t, path, seed) })
		})
	}
}

func dialEachOther(t *testing.T, path mem.Path, seed uint64) {
	network := mem.NewNetwork(mem.Config{Path: path, Seed: seed})
	a, b := start(t, network, low), start(t, network, high)
	lead := path.Delay * time.Duration(seed%7) / 4 // of one before the other
	results := make(chan error, 2)
	dial := func(n *node, to transport.PeerID, wait time.Duration) {
		time.Sleep(wait)
		p, err := n.Dial(t.Context(), addr(to), to)
		if err == nil && p.ID() != to {
			err = errors.New("another peer")
		}
		results <- err
	}
	go dial(a, high, lead*time.Duration(seed%2))
	go dial(b, low, lead*time.Duration(1-seed%2))
	for range 2 {
		if err := <-results; err != nil {
			t.Fatal(err)
		}
	}
	time.Sleep(10 * time.Second)
	expectOneLink(t, a, b)
	if ups, _, _ := a.count(); ups != 1 {
		t.Errorf("%d links came into use where one was enough", ups)
	}
	a.Keep(high, addr(high))
	b.Keep(low, addr(low))
	time.Sleep(time.Minute)
	expectOneLink(t, a, b)
}

func TestKeepFromBothSidesMakesOneLink(t *testing.T) {
	for seed := range uint64(50) {
		synctest.Test(t, func(t *testing.T) {
			path := mem.Path{Delay: time.Duration(seed) * 5 * time.Millisecond}
			network := mem.NewNetwork(mem.Config{Path: path, Seed: seed})
			a, b := start(t, network, low), start(t, network, high)
			a.Keep(high, addr(high))
			b.Keep(low, addr(low))
			time.Sleep(time.Minute)
			expectOneLink(t, a, b)
			if ups, _, _ := a.count(); ups != 1 {
				t.Errorf("seed %d: %d links came into use where one was enough", seed, ups)
			}
		})
	}
}

// TestADialLeavesTheLinkInUse: a seed is dialled again and again without knowing whom,
// from either side, and the streams of the link that is there go on.
func TestADialLeavesTheLinkInUse(t *testing.T) {
	for _, path := range []mem.Path{{}, {Delay: 10 * time.Millisecond}, {Delay: 400 * time.Millisecond}} {
		synctest.Test(t, func(t *testing.T) {
			network := mem.NewNetwork(mem.Config{Path: path})
			a, b := start(t, network, low), start(t, network, high)
			first, err := b.Dial(t.Context(), addr(low), transport.PeerID{})
			if err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Hour)
			for _, n := range []*node{a, b} {
				other := low
				if n == a {
					other = high
				}
				for _, id := range []transport.PeerID{{}, other} {
					p, err := n.Dial(t.Context(), addr(other), id)
					if err != nil || p.ID() != other {
						t.Errorf("dial again: %v, %v", p, err)
					}
					time.Sleep(time.Minute)
				}
			}
			if b.Get(low) != first || first.Context().Err() != nil {
				t.Errorf("the link in use was ended: %v", first.Context().Err())
			}
			expectOneLink(t, a, b)
		})
	}
}

// TestASideThatLostTheLinkGetsANewOne: only one side notices, and dials; the other one
// believes in the old link for an hour.
func TestASideThatLostTheLinkGetsANewOne(t *testing.T) {
	for _, loser := range []transport.PeerID{low, high} {
		for _, age := range []time.Duration{0, time.Second, time.Minute} {
			synctest.Test(t, func(t *testing.T) {
				// Traffic stands still in one direction, so that the farewell is on its way
				// for an hour, and the side that closes hears the answers to its dial.
				network := mem.NewNetwork(mem.Config{Path: mem.Path{Delay: time.Millisecond}, IdleTimeout: 2 * time.Hour})
				a, b := start(t, network, low), start(t, network, high)
				lost, kept := a, b
				if loser == high {
					lost, kept = b, a
				}
				if _, err := lost.Dial(t.Context(), addr(kept.transport.ID()), transport.PeerID{}); err != nil {
					t.Fatal(err)
				}
				time.Sleep(age)
				network.SetPath(low, high, mem.Path{Delay: time.Hour})
				_ = lost.Get(kept.transport.ID()).Link().Close(errors.New("lost"))
				network.SetPath(low, high, mem.Path{Delay: time.Millisecond})
				lost.Keep(kept.transport.ID(), addr(kept.transport.ID()))
				took := eventually(t, 5*time.Second, "a new link in use on both sides", func() bool {
					n, _, _ := lost.count()
					m, _, _ := kept.count()
					return n == 2 && m == 2 && len(lost.living()) == 1 && len(kept.living()) == 1
				})
				expectOneLink(t, a, b)
				if age > 2*time.Second && took > time.Second {
					t.Errorf("took %v", took)
				}
				if err := kept.lastCause(); !errors.Is(err, transport.ErrClosed) && !errors.Is(err, transport.ErrPeerClosed) {
					t.Errorf("the old link ended by %v", err)
				}
			})
		}
	}
}

// TestADialEndsWhenTheOtherSideMakesTheLink: it need not succeed itself.
func TestADialEndsWhenTheOtherSideMakesTheLink(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		network := mem.NewNetwork(mem.Config{})
		a, b := start(t, network, low), start(t, network, high)
		network.SetPath(low, high, mem.Path{Delay: 2 * time.Second}) // an answer takes four
		time.AfterFunc(time.Second, func() {
			network.SetPath(low, high, mem.Path{})
			_, _ = b.Dial(t.Context(), addr(low), low)
		})
		begin := time.Now()
		p, err := a.Dial(t.Context(), addr(high), high)
		if took := time.Since(begin); err != nil || p.ID() != high || took != time.Second {
			t.Errorf("%v, %v after %v", p, err, took)
		}
	})
}

func TestBothSidesHandleTheControlStream(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		network := mem.NewNetwork(mem.Config{})
		a, b := start(t, network, low), start(t, network, high)
		connect(t, a, b)
		synctest.Wait()
		for _, n := range []*node{a, b} {
			if n.handling() != 1 {
				t.Errorf("%d streams are handled, want the control stream", n.handling())
			}
		}
	})
}

var _ peers.Handler = (*recorder)(nil)
