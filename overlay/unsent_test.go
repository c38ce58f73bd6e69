package overlay

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/project-iris/iris/overlay/wire"
	"github.com/project-iris/iris/transport"
	"github.com/project-iris/iris/transport/mem"
)

// barred is a transport whose dials fail while it is barred, but for those of one address.
// Packets and links pass.
type barred struct {
	*mem.Transport
	bars *atomic.Bool
	but  string
}

func (b barred) Dial(ctx context.Context, addr string, want transport.PeerID) (transport.Link, error) {
	if b.bars.Load() && addr != b.but {
		return nil, errors.New("no dial gets through")
	}
	return b.Transport.Dial(ctx, addr, want)
}

// A node that was taken for dead by others, and has not noticed, is asked to say everything anew.
// Where the dial for that fails it is dialled again: its names are known within five seconds.
func TestWhatWaitsForALinkIsDialledAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &world{t: t, net: mem.NewNetwork(mem.Config{Versions: Versions(), Path: mem.Path{Delay: time.Millisecond}})}
		t.Cleanup(w.close)
		var bars atomic.Bool // between the first two
		w.wrap = func(end *mem.Transport) transport.Transport { return barred{end, &bars, "mem://2"} }
		w.start()
		w.start()
		w.wrap = nil
		w.start()
		w.settle()
		attach(t, w.nodes[1], "service", echoing)
		w.pass()
		here, there, third := w.ends[0].ID(), w.ends[1].ID(), w.ends[2].ID()

		bars.Store(true) // before: a dial that is under way when the network heals would get through
		w.net.CutOneWay(there, here)
		w.net.CutOneWay(there, third)
		w.until(20*time.Second, "a node that is not heard is taken for dead", func() bool { return !w.nodes[0].net.Knows(there) })
		if !w.nodes[1].net.Knows(here) {
			t.Fatal("the other node has noticed")
		}
		w.net.Heal()
		w.until(20*time.Second, "others say that it lives", func() bool { return w.nodes[0].net.Knows(there) })
		time.Sleep(time.Second)
		if w.nodes[0].links.Get(there) != nil {
			t.Fatal("there is a link, though no dial got through")
		}
		bars.Store(false)
		caller := attach(t, w.nodes[0], "")
		caller.ask(1, "service", "hello", 5*time.Second)
		time.Sleep(5 * time.Second)
		w.pass()
		caller.saw("1: reply hello")
	})
}

// until waits until something holds.
func (w *world) until(most time.Duration, what string, holds func() bool) {
	w.t.Helper()
	for begin := time.Now(); !holds(); time.Sleep(time.Millisecond) {
		if time.Since(begin) > most {
			w.t.Fatalf("not within %v: %s", most, what)
		}
	}
}

// What is to be said while a link is about to end is said when it goes on.
func TestWhatIsSaidWhileALinkStaysIsSaid(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 2, mem.Path{Delay: time.Millisecond})
		o, there := w.nodes[0], w.ends[1].ID()
		attach(t, o, "service")
		w.pass()
		r := o.links.To(there)
		r.Hold()
		defer r.Release()
		go r.Retire() // in vain: something holds the link
		synctest.Wait()
		if o.links.To(there) != nil {
			t.Fatal("the link is not about to end")
		}
		owner{o}.Send(there, &wire.Ack{})
		time.Sleep(5 * time.Second)
		if o.links.To(there) != r {
			t.Fatal("the link has ended")
		}
		if waits := o.net.unsent.Take(there); len(waits) > 0 {
			t.Errorf("%d messages still wait for the link", len(waits))
		}
	})
}
