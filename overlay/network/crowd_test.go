package network

import (
	"crypto/sha256"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/project-iris/iris/transport"
	"github.com/project-iris/iris/transport/mem"
)

// crowd is a network in memory whose nodes say nothing to each other but who is there, in
// packets beside the links.
type crowd struct {
	t     *testing.T
	mem   *mem.Network
	nodes []*inhabitant
	born  int                              // nodes that were started so far
	watch atomic.Pointer[transport.PeerID] // whose coming and going is timed
	downs atomic.Int64                     // how often a node has learned that another is gone
}

// inhabitant is a node of a crowd, and the handler of its network.
type inhabitant struct {
	quiet
	*Network
	crowd *crowd
	end   *weighed

	mu     sync.Mutex
	others int       // that it knew at the last change
	knows  bool      // the one that is watched, at the last change
	since  time.Time // when that changed
}

// weighed is a transport that counts the bytes of packets.
type weighed struct {
	*mem.Transport
	bytes atomic.Uint64
}

func (w *weighed) SendPacket(to string, b []byte) error {
	w.bytes.Add(uint64(len(b)))
	return w.Transport.SendPacket(to, b)
}

// patience is how long nodes may take to know all. A thousand that start together have so much
// to tell each other that it takes more than a minute.
const patience = 5 * time.Minute

// newCrowd starts nodes, each a moment after the one before, which all join the first one,
// and waits until all know all.
func newCrowd(t *testing.T, size int, config mem.Config) *crowd {
	t.Helper()
	c := &crowd{t: t, mem: mem.NewNetwork(config)}
	c.watch.Store(&transport.PeerID{})
	t.Cleanup(c.close)
	for range size {
		c.start()
		time.Sleep(10 * time.Millisecond)
	}
	begin := time.Now()
	for !c.complete() {
		if time.Since(begin) > patience {
			t.Fatalf("not all of %d nodes know all within %v of the last start", size, patience)
		}
		time.Sleep(100 * time.Millisecond)
	}
	t.Logf("all of %d nodes know all %v after the last start", size, time.Since(begin))
	return c
}

// start starts another node.
func (c *crowd) start() *inhabitant {
	c.t.Helper()
	i := c.born
	c.born++
	in := &inhabitant{crowd: c, end: &weighed{Transport: c.mem.Node(inhabitantID(i))}}
	listener, err := in.end.Listen(c.t.Context(), fmt.Sprintf("mem://%d", i))
	if err != nil {
		c.t.Fatal(err)
	}
	in.Network = New(Config{
		Self: in.end.ID(), Transport: in.end, Listener: listener, Address: listener.Addr(), PacketSecrets: [][32]byte{{1}},
		Handler: in, Logger: slog.New(slog.DiscardHandler),
	})
	c.nodes = append(c.nodes, in)
	if err := in.Start(); err != nil {
		c.t.Fatal(err)
	}
	if i > 0 {
		join(c.t, in.Network, "mem://0")
	}
	return in
}

func inhabitantID(i int) transport.PeerID { return sha256.Sum256(fmt.Appendf(nil, "inhabitant %d", i)) }

// close ends all nodes at once, without a word.
func (c *crowd) close() {
	var closing sync.WaitGroup
	for _, in := range c.nodes {
		closing.Go(func() {
			in.end.Kill()
			in.Close()
		})
	}
	closing.Wait()
	time.Sleep(5 * time.Second) // in which memberlist gives its last probe up
}

// complete reports whether all nodes know all.
func (c *crowd) complete() bool {
	for _, in := range c.nodes {
		if in.Others() != len(c.nodes)-1 {
			return false
		}
	}
	return true
}

// Changed notes what has changed. Membership calls it for one change after the other.
func (in *inhabitant) Changed() {
	in.mu.Lock()
	defer in.mu.Unlock()
	others, knows := in.Others(), in.Knows(*in.crowd.watch.Load())
	if others < in.others {
		in.crowd.downs.Add(1)
	}
	if knows != in.knows {
		in.since = time.Now()
	}
	in.others, in.knows = others, knows
}

// told returns since when the node knows the one that is watched, or that it is gone.
func (in *inhabitant) told(there bool) (since time.Time, ok bool) {
	in.mu.Lock()
	defer in.mu.Unlock()
	return in.since, in.knows == there
}

// await waits until all nodes but one know it, or know that it is gone, and returns how long
// that has taken since a time.
func (c *crowd) await(one *inhabitant, there bool, since time.Time) (took time.Duration) {
	c.t.Helper()
	for _, in := range c.nodes {
		for in != one {
			at, ok := in.told(there)
			if ok {
				took = max(took, at.Sub(since))
				break
			}
			if time.Since(since) > time.Minute {
				c.t.Fatalf("not all know within a minute whether a node is there: %v", there)
			}
			time.Sleep(50 * time.Millisecond)
		}
	}
	return took
}

// watched has a node timed from now on, which all know, or nobody does.
func (c *crowd) watched(id transport.PeerID, known bool) {
	c.watch.Store(&id)
	for _, in := range c.nodes {
		in.mu.Lock()
		in.knows = known
		in.mu.Unlock()
	}
}

// traffic is what all nodes have sent.
type traffic struct{ packets, bytes, beside, streams uint64 }

func (c *crowd) traffic() (sum traffic) {
	for _, in := range c.nodes {
		sum.beside += in.end.PacketStats().Sent
		sum.bytes += in.end.bytes.Load()
		for _, p := range in.peers.All() {
			s := p.Link().Stats()
			sum.packets += s.PacketsSent
			sum.bytes += s.BytesSent
			sum.streams += s.StreamsOpened
		}
	}
	sum.packets += sum.beside
	return sum
}

// calm waits until all news were passed on, and returns how long that took. Of a thousand nodes
// that start together each has a thousand to pass on again and again.
func (c *crowd) calm() time.Duration {
	const look = 5 * time.Second
	for begin := time.Now(); ; {
		before := c.traffic().beside
		time.Sleep(look)
		sent := float64(c.traffic().beside-before) / look.Seconds() / float64(len(c.nodes))
		if took := time.Since(begin); sent < 2.2 || took > 10*time.Minute {
			return took
		}
	}
}

// rest returns what a node sends in a second in which nothing happens.
func (c *crowd) rest(t *testing.T, span time.Duration) (packets float64) {
	before := c.traffic()
	time.Sleep(span)
	after := c.traffic()
	rate := func(after, before uint64) float64 {
		return float64(after-before) / span.Seconds() / float64(len(c.nodes))
	}
	packets = rate(after.packets, before.packets)
	t.Logf("at rest a node sends %.2f packets a second, %.2f of them beside links, %.0f bytes, and opens %.1f streams a minute",
		packets, rate(after.beside, before.beside), rate(after.bytes, before.bytes), 60*rate(after.streams, before.streams))
	return packets
}

// comes starts a node and returns when all others know it.
func (c *crowd) comes() time.Duration {
	c.watched(inhabitantID(c.born), false)
	begin := time.Now()
	return c.await(c.start(), true, begin)
}

// dies kills a node and returns when all others know that.
func (c *crowd) dies(one int) time.Duration {
	victim := c.nodes[one]
	c.watched(victim.Self(), true)
	c.nodes = append(c.nodes[:one:one], c.nodes[one+1:]...)
	died := time.Now()
	victim.end.Kill()
	victim.Close()
	return c.await(victim, false, died)
}

// lan is a local network.
func lan(seed uint64) mem.Config {
	return mem.Config{Seed: seed, Path: mem.Path{Delay: 200 * time.Microsecond, Jitter: 300 * time.Microsecond}}
}
