package beacon

import (
	"math/rand/v2"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"github.com/project-iris/iris/overlay/discovery"
	"github.com/project-iris/iris/transport"
)

// company is a site with two other members, neither of which is heard of here.
type company struct {
	discovery.Site
	hints int
}

func (c *company) Others() int                 { return 2 }
func (c *company) Knows(transport.PeerID) bool { return false }
func (c *company) Hint(discovery.Hint)         { c.hints++ }

// Packets of one millisecond have times that grow, or others would take them for repeated.
func TestPacketsOfOneMillisecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := NewSealer(ours)
		r := &run{site: &company{}, sealer: s, config: Config{Addresses: func() string { return "" }}}
		g := newGate(transport.PeerID{9}, s)
		for n := range 5 {
			time.Sleep(time.Duration(n%2) * 100 * time.Microsecond) // virtual
			if b, err := g.admit(time.Now(), r.packet(Announcement)); err != nil || b.Nodes != 3 {
				t.Errorf("packet %d: %+v, %v", n, b, err)
			}
		}
	})
}

// A node of the loopback interface hears nobody from elsewhere.
func TestLoopbackHearsOnlyLoopback(t *testing.T) {
	for _, row := range []struct {
		bind, from string
		hints      int
	}{{"127.0.0.1", "192.0.2.1:16180", 0}, {"127.0.0.1", "127.0.0.1:16180", 1}, {"::", "192.0.2.1:16180", 1}} {
		s, c := NewSealer(ours), &company{}
		r := &run{site: c, sealer: s, config: Config{Bind: mustAddr(row.bind)}, gate: newGate(transport.PeerID{9}, s)}
		r.station = newStation(noon, transport.PeerID{9}, rand.New(rand.NewPCG(1, 1)), true, false)
		r.hear(noon, received{s.Seal(sample()), netip.MustParseAddrPort(row.from)})
		if c.hints != row.hints {
			t.Errorf("bound to %s, from %s: %d hints, want %d", row.bind, row.from, c.hints, row.hints)
		}
	}
}
