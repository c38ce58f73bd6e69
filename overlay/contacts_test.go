package overlay

import (
	"context"
	"crypto/sha256"
	"fmt"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/project-iris/iris/overlay/roster"
	"github.com/project-iris/iris/overlay/wire"
	"github.com/project-iris/iris/transport"
	"github.com/project-iris/iris/transport/mem"
)

// counting counts the dials of a transport, and those that are under way.
type counting struct {
	transport.Transport
	dials, underWay, most atomic.Int64
}

func (c *counting) Dial(ctx context.Context, addr string, want transport.PeerID) (transport.Link, error) {
	c.dials.Add(1)
	c.most.Store(max(c.most.Load(), c.underWay.Add(1)))
	defer c.underWay.Add(-1)
	return c.Transport.Dial(ctx, addr, want)
}

// lonely starts a node that knows nobody.
func lonely(t *testing.T, network *mem.Network, i byte) (*Overlay, *counting) {
	t.Helper()
	end := network.Node(transport.PeerID{i + 1})
	listener, err := end.Listen(t.Context(), fmt.Sprintf("mem://%d", i))
	if err != nil {
		t.Fatal(err)
	}
	c := &counting{Transport: end}
	o := New(Config{})
	if err := o.Connect(Network{Self: end.ID(), Transport: c, Listener: listener, Address: listener.Addr()}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		o.Close()
		end.Close()
	})
	return o, c
}

func madeUpID(i int) transport.PeerID { return sha256.Sum256(fmt.Append(nil, i)) }

// tell lets a node hear of a member.
func tell(o *Overlay, id transport.PeerID, addr string) {
	info := wire.Info{Epoch: 1, Address: []byte(addr)}
	o.net.NodeUp(id, info.Append(nil))
}

// A node that is told of a thousand others, at addresses where nobody is, dials a few
// of them at a time, and finds the real one nevertheless.
func TestMadeUpNodesCauseFewDials(t *testing.T) {
	for _, addr := range []string{"mem://nowhere", "\x00\xff", "mem://1"} {
		t.Run(fmt.Sprintf("%q", addr), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				network := mem.NewNetwork(mem.Config{Versions: Versions(), Path: mem.Path{Delay: time.Millisecond}})
				o, dials := lonely(t, network, 0)
				lonely(t, network, 1)
				const madeUp = 1000
				for i := range madeUp {
					tell(o, madeUpID(i), addr)
				}
				const minutes = 1
				time.Sleep(minutes * time.Minute)
				if n := dials.dials.Load(); n > minutes*60*roster.MaxStrangers {
					t.Errorf("%d dials in %d minutes", n, minutes)
				}
				if n := dials.most.Load(); n > roster.MaxStrangers {
					t.Errorf("%d dials at a time", n)
				}
				// A real one comes, that knows nobody: when one of the others is
				// found out, somebody gets its place.
				tell(o, transport.PeerID{2}, "mem://1")
				for i := range madeUp {
					o.net.NodeDown(madeUpID(i))
				}
				time.Sleep(5 * time.Second)
				if o.net.peers.Get(transport.PeerID{2}) == nil {
					t.Error("there is no link to the real node")
				}
				if n := o.net.roster.Len(); n != 1 {
					t.Errorf("%d nodes are left, want 1", n)
				}
			})
		})
	}
}

// Nobody dials a node that is no member any more.
func TestTheDeadAreNotDialled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o, dials := lonely(t, mem.NewNetwork(mem.Config{Versions: Versions()}), 0)
		tell(o, madeUpID(0), "mem://nowhere")
		time.Sleep(time.Minute)
		o.net.NodeDown(madeUpID(0))
		time.Sleep(time.Second)
		before := dials.dials.Load()
		time.Sleep(time.Hour)
		if after := dials.dials.Load(); before == 0 || after != before {
			t.Errorf("%d dials while it was a member, %d more in the hour after", before, after-before)
		}
	})
}
