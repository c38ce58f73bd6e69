package strangers

import (
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"slices"
	"strings"
	"testing"
)

func at(ip string) net.Addr {
	return net.TCPAddrFromAddrPort(netip.AddrPortFrom(netip.MustParseAddr(ip), 1))
}

// crowd is a room whose seats have names.
type crowd struct {
	*Room
	seats   map[string]*Seat
	evicted []string
}

func newCrowd(most int) *crowd {
	c := &crowd{Room: NewRoom(most), seats: make(map[string]*Seat)}
	c.pick = rand.New(rand.NewPCG(1, 2)).IntN
	return c
}

func (c *crowd) enter(name, ip string, spoke bool) {
	c.seats[name] = c.Enter(at(ip), func() bool { return spoke }, func() { c.evicted = append(c.evicted, name) })
}

// Who makes room, where only one can be it.
func TestWhoMakesRoom(t *testing.T) {
	type guest struct {
		name, ip string
		spoke    bool
	}
	rows := []struct {
		name   string
		guests []guest // of which the last finds the room full
		want   string
	}{
		{"the only other one", []guest{{"a", "10.0.0.1", true}, {"b", "10.0.0.2", false}}, "a"},
		{"of the source with the most seats, the silent one", []guest{
			{"a", "10.0.0.1", true}, {"b", "10.0.0.1", false}, {"c", "10.0.0.2", false}, {"d", "10.0.0.3", false},
		}, "b"},
		{"of the source with the most seats, though it has spoken", []guest{
			{"a", "10.0.0.1", false}, {"b", "10.0.0.2", true}, {"c", "10.0.0.2", true}, {"d", "10.0.0.2", false},
		}, "b c"},
		{"of all, the silent one", []guest{{"a", "10.0.0.1", true}, {"b", "10.0.0.2", false}, {"c", "10.0.0.3", true}}, "b"},
		{"not who comes", []guest{{"a", "10.0.0.1", true}, {"b", "10.0.0.1", true}, {"c", "10.0.0.1", false}}, "a b"},
		{"a site of IPv6 is one source", []guest{
			{"a", "2001:db8::1", true}, {"b", "2001:db8::2", true}, {"c", "2001:db8:0:1::1", false}, {"d", "10.0.0.1", false},
		}, "a b"},
		{"IPv4 in IPv6 is IPv4", []guest{
			{"a", "10.0.0.1", true}, {"b", "::ffff:10.0.0.1", true}, {"c", "::ffff:10.0.0.2", false}, {"d", "10.0.0.3", false},
		}, "a b"},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			seen := make(map[string]bool)
			for seed := range uint64(100) {
				c := newCrowd(len(row.guests) - 1)
				c.pick = rand.New(rand.NewPCG(seed, 0)).IntN
				for i, g := range row.guests {
					if c.enter(g.name, g.ip, g.spoke); i < len(row.guests)-1 && len(c.evicted) > 0 {
						t.Fatalf("%v made room while there was some", c.evicted)
					}
				}
				if len(c.evicted) != 1 || c.Taken() != len(row.guests)-1 {
					t.Fatalf("%v made room, %d seats are taken", c.evicted, c.Taken())
				}
				seen[c.evicted[0]] = true
			}
			var names strings.Builder
			for _, g := range row.guests {
				if seen[g.name] {
					names.WriteString(" " + g.name)
				}
			}
			if names.String() != " "+row.want {
				t.Errorf("in a hundred tries%s made room, want %s", names.String(), row.want)
			}
		})
	}
}

// A connection that has spoken, of its own source or the attacker's, stays however many
// silent ones come.
func TestSilentConnectionsEvictNobodyWhoSpeaks(t *testing.T) {
	c := newCrowd(256)
	c.enter("far", "10.0.0.1", true)
	c.enter("beside", "10.9.9.9", true)
	for i := range 10_000 {
		c.enter(fmt.Sprint(i), "10.9.9.9", false)
	}
	for i := range 10_000 {
		c.enter(fmt.Sprint(i), fmt.Sprintf("10.7.%d.%d", i>>8&255, i&255), false)
	}
	for _, name := range []string{"far", "beside"} {
		if slices.Contains(c.evicted, name) {
			t.Errorf("%s has made room", name)
		}
	}
	if c.Taken() != 256 {
		t.Errorf("%d seats are taken", c.Taken())
	}
}

// One source that speaks has the seats that nobody else wants, and no more.
func TestASourceHasItsShare(t *testing.T) {
	c := newCrowd(100)
	for i := range 1000 {
		c.enter(fmt.Sprint("greedy", i), "10.0.0.1", true)
	}
	for i := range 3 * 25 {
		c.enter(fmt.Sprint("modest", i), fmt.Sprintf("10.0.0.%d", 2+i%3), true)
	}
	for ip, want := range map[string]int{"10.0.0.1": 25, "10.0.0.2": 25, "10.0.0.3": 25, "10.0.0.4": 25} {
		if got := c.held[sourceOf(at(ip))]; got != want {
			t.Errorf("%s has %d seats, want %d", ip, got, want)
		}
	}
}

// With a source for each connection, all of which speak, it is chance: who has one of 64
// seats keeps it while 175 others come with a probability of 6.4 %.
func TestWhoMakesRoomIsChance(t *testing.T) {
	const tries = 200
	kept := 0
	for range tries {
		c := newCrowd(64)
		c.pick = rand.IntN
		for i := range 64 {
			c.enter(fmt.Sprint(i), fmt.Sprintf("10.0.1.%d", i), true)
		}
		for i := range 175 {
			c.enter("other", fmt.Sprintf("10.1.%d.%d", i>>8, i&255), true)
		}
		if !slices.Contains(c.evicted, "0") { // the oldest
			kept++
		}
	}
	// 13 are expected, with a standard deviation of 3.5.
	if kept < 1 || kept > 40 {
		t.Errorf("the oldest has kept its seat in %d of %d tries", kept, tries)
	}
}

func TestPlacesAreGivenBackOnce(t *testing.T) {
	c := newCrowd(2)
	c.enter("a", "10.0.0.1", false)
	c.enter("b", "10.0.0.2", false)
	c.Leave(c.seats["a"])
	c.Leave(c.seats["a"])
	c.enter("c", "10.0.0.3", false)
	if len(c.evicted) != 0 {
		t.Fatalf("%v made room", c.evicted)
	}
	c.enter("d", "10.0.0.4", false)
	for _, p := range c.seats {
		c.Leave(p)
	}
	if c.Taken() != 0 || len(c.held) != 0 {
		t.Errorf("%d seats are taken, by %d sources", c.Taken(), len(c.held))
	}
}

// What has no IP address in it is one source.
func TestAddressesWithoutIP(t *testing.T) {
	if sourceOf(nil) != (netip.Prefix{}) || sourceOf(&net.UnixAddr{Name: "/a"}) != (netip.Prefix{}) {
		t.Error("they differ")
	}
}
