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
		r := &run{site: c, sealer: s, config: Config{Bind: mustAddr(row.bind)}.withDefaults(), gate: newGate(transport.PeerID{9}, s)}
		r.station = newStation(noon, transport.PeerID{9}, rand.New(rand.NewPCG(1, 1)), true, false)
		r.hear(noon, received{s.Seal(sample()), netip.MustParseAddrPort(row.from)})
		if c.hints != row.hints {
			t.Errorf("bound to %s, from %s: %d hints, want %d", row.bind, row.from, c.hints, row.hints)
		}
	}
}

// A node ignores what comes back to it. A packet that has its id and other addresses it
// takes for a hint at these, as it may be of a copy of the node.
func TestAPacketWithTheOwnIDAndOtherAddresses(t *testing.T) {
	self, s := transport.PeerID{9}, NewSealer(ours)
	var hints []discovery.Hint
	own := "quic://:14142,quic://10.0.0.1:14142"
	r := &run{
		site: hinted{&hints}, sealer: s, gate: newGate(self, s), config: Config{Addresses: func() string { return own }},
		station: newStation(noon, self, rand.New(rand.NewPCG(1, 1)), true, false),
	}
	hear := func(addresses string) {
		b := sample()
		b.ID, b.Addresses = self, addresses
		r.hear(noon, received{s.Seal(b), netip.MustParseAddrPort("10.0.0.7:16180")})
	}
	hear(own)
	if len(hints) != 0 {
		t.Errorf("what comes back is a hint: %+v", hints)
	}
	hear("quic://:14142,quic://10.0.0.7:14142")
	if len(hints) != 1 || hints[0].Addr != "quic://10.0.0.7:14142,quic://10.0.0.7:14142" || !hints[0].ID.IsZero() || hints[0].After > copySpread {
		t.Errorf("hints %+v", hints)
	}
	hear("") // nowhere
	if len(hints) != 1 {
		t.Errorf("hints %+v", hints)
	}
}

// hinted is a site that keeps hints.
type hinted struct{ hints *[]discovery.Hint }

func (h hinted) Hint(hint discovery.Hint)       { *h.hints = append(*h.hints, hint) }
func (h hinted) Others() int                    { return 0 }
func (h hinted) Knows(id transport.PeerID) bool { return false }
func (h hinted) Addresses() []string            { return nil }
func (h hinted) Changed() <-chan struct{}       { return nil }
func (h hinted) Retried() <-chan struct{}       { return nil }
