package overlay

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

// A node that is told of a thousand others, at addresses where nobody is, dials a few
// of them at a time, and finds the real one nevertheless.
func TestMadeUpNodesCauseFewDials(t *testing.T) {
	for _, addr := range []string{"mem://nowhere", "\x00\xff", "mem://1"} {
		t.Run(fmt.Sprintf("%q", addr), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				network := mem.NewNetwork(mem.Config{Path: mem.Path{Delay: time.Millisecond}})
				start := func(i byte, join ...string) (*Overlay, *counting) {
					end := network.Node(transport.PeerID{i + 1})
					listener, err := end.Listen(t.Context(), fmt.Sprintf("mem://%d", i))
					if err != nil {
						t.Fatal(err)
					}
					c := &counting{Transport: end}
					o := New(Config{})
					if err := o.Connect(Network{Self: end.ID(), Transport: c, Listener: listener, Address: listener.Addr(), Join: join}); err != nil {
						t.Fatal(err)
					}
					t.Cleanup(func() {
						o.Close()
						end.Close()
					})
					return o, c
				}
				o, dials := start(0)
				start(1)
				const madeUp = 1000
				info := wire.Info{Version: wire.Version, Epoch: 1, Address: []byte(addr)}
				id := func(i int) transport.PeerID { return sha256.Sum256(fmt.Append(nil, i)) }
				for i := range madeUp {
					o.net.NodeUp(id(i), info.Append(nil))
				}
				const minutes = 1
				time.Sleep(minutes * time.Minute)
				if n := dials.dials.Load(); n > minutes*60*maxStrangers {
					t.Errorf("%d dials in %d minutes", n, minutes)
				}
				if n := dials.most.Load(); n > maxStrangers {
					t.Errorf("%d dials at a time", n)
				}
				// A real one comes, that knows nobody: when one of the others is
				// found out, somebody gets its place.
				real := wire.Info{Version: wire.Version, Epoch: 1, Address: []byte("mem://1")}
				o.net.NodeUp(transport.PeerID{2}, real.Append(nil))
				for i := range madeUp {
					o.net.NodeDown(id(i))
				}
				time.Sleep(5 * time.Second)
				if o.net.peers.Get(transport.PeerID{2}) == nil {
					t.Error("there is no link to the real node")
				}
				o.net.nodes.mu.Lock()
				if n := o.net.nodes.strangers; n != 0 || len(o.net.nodes.all) != 1 {
					t.Errorf("%d strangers and %d nodes are left, want 0 and 1", n, len(o.net.nodes.all))
				}
				o.net.nodes.mu.Unlock()
			})
		})
	}
}
