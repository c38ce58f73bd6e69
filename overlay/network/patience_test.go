package network

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"testing"
	"testing/synctest"
	"time"

	"github.com/project-iris/iris/transport"
	"github.com/project-iris/iris/transport/mem"
)

var hours = flag.Float64("hours", defaultHours, "for how many hours, summed over its nodes, TestNobodyIsTakenForDead simulates each of its networks")

// hardship is what the nodes of a network have to live with.
type hardship struct {
	name    string
	network mem.Config
	strike  func(c *crowd, random *rand.Rand) // every few seconds; nil: nothing
}

var hardships = []hardship{
	{name: "far and lossy", network: mem.Config{Path: mem.Path{Delay: 200 * time.Millisecond, Loss: 0.05}}},
	{name: "pauses", network: lan(1), strike: pause},
}

// pause cuts a node off from all others for 0.9 s.
func pause(c *crowd, random *rand.Rand) {
	paused := c.nodes[random.IntN(len(c.nodes))].Self()
	var rest []transport.PeerID
	for _, in := range c.nodes {
		if in.Self() != paused {
			rest = append(rest, in.Self())
		}
	}
	c.mem.Partition([]transport.PeerID{paused}, rest)
	time.Sleep(900 * time.Millisecond)
	c.mem.Heal()
}

// endLinks ends all links in good order, as the overlay does with those that are idle.
func (c *crowd) endLinks() {
	for _, in := range c.nodes {
		for _, p := range in.peers.All() {
			_ = p.Link().Close(nil)
		}
	}
}

// TestNobodyIsTakenForDead who lives, however bad the way is, and who pauses for a moment.
// Nodes have links to nobody but those that they have just needed one to.
func TestNobodyIsTakenForDead(t *testing.T) {
	for _, h := range hardships {
		for _, size := range []int{5, 20} {
			t.Run(fmt.Sprintf("%s/%d nodes", h.name, size), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) { endure(t, h, size) })
			})
		}
	}
}

// endure lets a network live with a hardship.
func endure(t *testing.T, h hardship, size int) {
	random := rand.New(rand.NewPCG(uint64(size), 1))
	c := newCrowd(t, size, h.network)
	c.endLinks()
	begin, swept, strikes := time.Now(), time.Now(), 0
	lived := func() float64 { return time.Since(begin).Hours() * float64(size) }
	for lived() < *hours {
		time.Sleep(time.Second + rest(random))
		if h.strike != nil {
			h.strike(c, random)
			strikes++
		}
		if time.Since(swept) > 30*time.Second {
			c.endLinks()
			swept = time.Now()
		}
	}
	t.Logf("in %.1f hours of nodes, with %d pauses, nodes were taken for dead %d times", lived(), strikes, c.downs.Load())
	if c.downs.Load() > 0 {
		t.Error("nodes that live were taken for dead")
	}
}

// rest is the time between two strikes.
func rest(random *rand.Rand) time.Duration {
	return time.Duration(random.Int64N(int64(8 * time.Second)))
}
