package overlay

import (
	"context"
	"encoding/binary"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/project-iris/iris/overlay/multicast"
	"github.com/project-iris/iris/overlay/wire"
	"github.com/project-iris/iris/transport"
	"github.com/project-iris/iris/transport/mem"
)

// reader is a subscriber that writes down the numbers that it gets of each sender.
type reader struct {
	mu  sync.Mutex
	got [2][]uint32
}

func (r *reader) note(event []byte) {
	r.mu.Lock()
	defer r.mu.Unlock()
	sender := event[0]
	r.got[sender] = append(r.got[sender], binary.BigEndian.Uint32(event[1:]))
}

// read returns the numbers of a sender in the order in which they came.
func (r *reader) read(sender int) []uint32 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.got[sender])
}

// audience is a network of more nodes than messages are sent to directly, with a subscriber
// on each but the first, where two applications publish.
type audience struct {
	*world
	readers []*reader // the i-th is on the node i+1
	stop    context.CancelFunc
	sending sync.WaitGroup
	sent    [2]atomic.Uint32
}

func newAudience(t *testing.T, n int) *audience {
	c := &audience{world: newWorld(t, n, mem.Path{Delay: time.Millisecond})}
	for i := 1; i < n; i++ {
		r := new(reader)
		c.readers = append(c.readers, r)
		attach(t, c.nodes[i], "", func(a *app) { a.event = func(_, event []byte) { r.note(event) } }).subscribe("news")
	}
	time.Sleep(time.Second)
	return c
}

// publish begins to publish, an event every two milliseconds of each application.
func (c *audience) publish() {
	ctx, cancel := context.WithCancel(c.t.Context())
	c.stop = cancel
	for sender := range c.sent {
		a := attach(c.t, c.nodes[0], "")
		c.sending.Go(func() {
			for ctx.Err() == nil {
				event := binary.BigEndian.AppendUint32([]byte{byte(sender)}, c.sent[sender].Load())
				a.Publish([]byte("news"), event)
				c.sent[sender].Add(1)
				time.Sleep(2 * time.Millisecond)
			}
		})
	}
}

// finish stops to publish, and lets everything arrive.
func (c *audience) finish() {
	c.stop()
	c.sending.Wait()
	time.Sleep(time.Second)
	synctest.Wait()
}

// branches returns the nodes that forward events, by number, with their leaves.
func (c *audience) branches() map[int]multicast.Branch {
	o := c.nodes[0]
	found := make(map[int]multicast.Branch)
	route, _ := o.lookup.Route(o.ctx, nil, wire.KindEvent, []byte("news"))
	for _, b := range route.(*multicast.Route).Tree() {
		if len(b.Leaves) > 0 {
			found[c.number(b.Node)] = b
		}
	}
	return found
}

func (c *audience) number(id transport.PeerID) int {
	return slices.IndexFunc(c.ends, func(end *mem.Transport) bool { return end.ID() == transport.PeerID(id) })
}

// slow makes the links from a node to its leaves slow, so that what takes another route
// overtakes what is under way there.
func (c *audience) slow(b multicast.Branch) {
	for _, leaf := range b.Leaves {
		c.net.SetPath(transport.PeerID(b.Node), transport.PeerID(leaf), mem.Path{Delay: 40 * time.Millisecond})
	}
}

// late returns how many events came too late anywhere.
func (c *audience) late() (n uint64) {
	for _, o := range c.nodes {
		n += o.Stats().CopiesLate
	}
	return n
}

// An event to many nodes goes to most of them over others, and reaches each once and in
// the order of its sender. A node that others get it over leaves in good order, and
// nothing is lost, though what takes the new route is much faster; then one is killed, and
// nothing comes twice or in another order. All get everything afterwards.
func TestEventsToManyNodes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newAudience(t, 37)
		c.publish()
		time.Sleep(100 * time.Millisecond)
		branches := c.branches()
		if len(branches) != 36-multicast.Direct {
			t.Fatalf("%d nodes forward events, want %d", len(branches), 36-multicast.Direct)
		}
		var gone []int
		for i, b := range branches {
			c.slow(b)
			gone = append(gone, i)
		}
		time.Sleep(100 * time.Millisecond)

		drained, killed := gone[0], gone[1]
		if err := c.nodes[drained].Drain(t.Context()); err != nil {
			t.Fatal(err)
		}
		c.nodes[drained].Close()
		time.Sleep(100 * time.Millisecond)
		if n := c.late(); n != 0 {
			t.Errorf("%d events came late and were dropped as a node left in good order", n)
		}
		before := c.sent[0].Load()
		c.ends[killed].Close()
		time.Sleep(200 * time.Millisecond)
		after := c.sent[0].Load()
		time.Sleep(100 * time.Millisecond)
		c.finish()

		for i, r := range c.readers {
			for sender := range c.sent {
				sent := c.sent[sender].Load()
				got := r.read(sender)
				if !slices.IsSorted(got) || len(slices.Compact(slices.Clone(got))) != len(got) {
					t.Errorf("node %d: events of sender %d came twice or in another order", i+1, sender)
				}
				if i+1 == drained || i+1 == killed {
					continue
				}
				if missing := missingOf(got, 0, before-20) + missingOf(got, after, sent); missing > 0 {
					t.Errorf("node %d misses %d events of sender %d", i+1, missing, sender)
				}
			}
		}
	})
}

// missingOf returns how many of the numbers from one to another are not there.
func missingOf(got []uint32, from, to uint32) (n int) {
	for i := from; i < to; i++ {
		if _, found := slices.BinarySearch(got, i); !found {
			n++
		}
	}
	return n
}

// A network splits and heals again and again while applications publish in one of its
// parts: no event comes twice or in another order, and all come when it is whole.
func TestNoEventComesTwiceAcrossASplit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newAudience(t, 5)
		c.publish()
		time.Sleep(time.Second)
		for i := range 4 {
			var parts [2][]transport.PeerID
			for j, end := range c.ends {
				part := min(j/2, 1)
				parts[part] = append(parts[part], end.ID())
			}
			c.net.Partition(parts[0], parts[1])
			time.Sleep([]time.Duration{500 * time.Millisecond, 3 * time.Second, 12 * time.Second, 30 * time.Second}[i])
			c.net.Heal()
			time.Sleep(5 * time.Second)
			whole := c.sent[0].Load()
			time.Sleep(time.Second)
			for j, r := range c.readers {
				if missing := missingOf(r.read(0), whole, c.sent[0].Load()-50); missing > 0 {
					t.Errorf("node %d misses %d events after the network has healed", j+1, missing)
				}
			}
		}
		c.finish()
		for i, r := range c.readers {
			for sender := range c.sent {
				if got := r.read(sender); !slices.IsSorted(got) || len(slices.Compact(slices.Clone(got))) != len(got) {
					t.Errorf("node %d: events of sender %d came twice or in another order", i+1, sender)
				}
			}
		}
	})
}
