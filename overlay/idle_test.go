package overlay

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/project-iris/iris/transport"
	"github.com/project-iris/iris/transport/mem"
)

// sent returns what all nodes have sent on their links.
func (w *world) sent() (sum transport.Stats) {
	for _, o := range w.nodes {
		for _, p := range o.links.All() {
			s := p.Peer().Link().Stats()
			sum.BytesSent += s.BytesSent
			sum.PacketsSent += s.PacketsSent
			sum.DatagramsSent += s.DatagramsSent
			sum.StreamsOpened += s.StreamsOpened
		}
	}
	return sum
}

// Nodes that have nothing to do say little, and not more each when there are more of
// them, but for what their lists grow. The numbers are those of docs/performance.md; a
// transport adds its own keep-alives.
func TestIdleTraffic(t *testing.T) {
	for _, row := range []struct {
		nodes              int
		packets, kilobytes float64 // a minute and node, at most
	}{
		{3, 160, 30},
		{10, 160, 35},
		{50, 160, 80},
	} {
		t.Run(fmt.Sprintf("%d nodes", row.nodes), func(t *testing.T) {
			if raceEnabled && row.nodes > 10 {
				t.Skip("takes a minute under the race detector")
			}
			synctest.Test(t, func(t *testing.T) {
				w := newIdleWorld(t, row.nodes, Config{}, mem.Path{Delay: 200 * time.Microsecond}, time.Hour)
				attach(t, w.nodes[0], "service") // so that the directory has leases to renew
				attach(t, w.nodes[1], "").ask(1, "service", "hello", time.Second)
				time.Sleep(30 * time.Second)
				const minutes = 2
				before := w.sent()
				time.Sleep(minutes * time.Minute)
				after := w.sent()
				each := func(after, before uint64) float64 { return float64(after-before) / minutes / float64(row.nodes) }
				packets, bytes := each(after.PacketsSent, before.PacketsSent), each(after.BytesSent, before.BytesSent)
				t.Logf("a minute and node: %.0f packets, %.0f of them datagrams, %.1f streams, %.1f kB",
					packets, each(after.DatagramsSent, before.DatagramsSent), each(after.StreamsOpened, before.StreamsOpened), bytes/1000)
				if packets > row.packets || bytes > row.kilobytes*1000 {
					t.Errorf("%.0f packets and %.1f kB, want at most %.0f and %.0f", packets, bytes/1000, row.packets, row.kilobytes)
				}
			})
		})
	}
}
