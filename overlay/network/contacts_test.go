package network

import (
	"context"
	"crypto/sha256"
	"fmt"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/project-iris/iris/overlay/wire"
	"github.com/project-iris/iris/transport"
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
func lonely(t *testing.T, w *world) (*Network, *counting) {
	t.Helper()
	c := &counting{}
	return w.startOver(func(end transport.Transport) transport.Transport {
		c.Transport = end
		return c
	}), c
}

func madeUpID(i int) transport.PeerID { return sha256.Sum256(fmt.Append(nil, i)) }

// tell lets a node hear of a member.
func tell(n *Network, id transport.PeerID, addr string) {
	info := wire.Info{Epoch: 1, Address: []byte(addr)}
	hearer{n}.NodeUp(id, info.Append(nil))
}

// A node that is told of a thousand others, at addresses where nobody is, dials none of
// them for that, and the real one when it is wanted.
func TestMadeUpNodesCauseNoDials(t *testing.T) {
	for _, addr := range []string{"mem://nowhere", "\x00\xff", "mem://1"} {
		t.Run(fmt.Sprintf("%q", addr), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, 0)
				n, dials := lonely(t, w)
				real := w.start()
				for i := range 1000 {
					tell(n, madeUpID(i), addr)
				}
				tell(n, real.Self(), "mem://1")
				time.Sleep(time.Minute)
				if made := dials.dials.Load(); made > 0 {
					t.Errorf("%d dials in a minute", made)
				}
				for i := range 1000 {
					_ = n.peers.Want(madeUpID(i))
				}
				if _, err := n.peers.Connect(t.Context(), real.Self(), time.Minute); err != nil {
					t.Errorf("no link to the real node: %v", err)
				}
				if most := dials.most.Load(); most > 32 {
					t.Errorf("%d dials at a time", most)
				}
			})
		})
	}
}

// Nobody dials a node that is no member any more.
func TestTheDeadAreNotDialled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n, dials := lonely(t, newWorld(t, 0))
		tell(n, madeUpID(0), "mem://nowhere")
		for range 60 {
			_ = n.peers.Want(madeUpID(0))
			time.Sleep(time.Second)
		}
		hearer{n}.NodeDown(madeUpID(0), true)
		time.Sleep(time.Second)
		before := dials.dials.Load()
		for range 60 {
			_ = n.peers.Want(madeUpID(0))
			time.Sleep(time.Second)
		}
		if after := dials.dials.Load(); before == 0 || after != before {
			t.Errorf("%d dials while it was a member, %d more in the minute after", before, after-before)
		}
	})
}
