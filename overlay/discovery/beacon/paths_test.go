package beacon

import (
	"net"
	"net/netip"
	"slices"
	"testing"
)

// Beacons go where a node can be reached, and those of a node on a loopback address never
// leave the host.
func TestSuitableInterfaces(t *testing.T) {
	const up = net.FlagUp | net.FlagRunning
	ethernet := net.Interface{Index: 2, Name: "eth0", Flags: up | net.FlagBroadcast | net.FlagMulticast}
	down := ethernet
	down.Flags &^= net.FlagRunning
	loopback := net.Interface{Index: 1, Name: "lo", Flags: up | net.FlagLoopback}
	tunnel := net.Interface{Index: 3, Name: "tun0", Flags: up | net.FlagPointToPoint | net.FlagMulticast}
	both := []string{"10.1.2.3/16", "fe80::1/64"}
	for _, row := range []struct {
		name       string
		device     net.Interface
		addrs      []string
		bind       string
		suitable   bool
		group4     bool
		group6     bool
		broadcasts []string
	}{
		{"ethernet", ethernet, both, "::", true, true, true, []string{"10.1.255.255"}},
		{"ethernet, all of IPv4", ethernet, both, "0.0.0.0", true, true, true, []string{"10.1.255.255"}},
		{"bound to it", ethernet, both, "10.1.2.3", true, true, true, []string{"10.1.255.255"}},
		{"bound to it by IPv6", ethernet, both, "fe80::1%eth0", true, true, true, []string{"10.1.255.255"}},
		{"bound to another", ethernet, both, "10.1.2.4", false, false, false, nil},
		{"bound to loopback", ethernet, both, "127.0.0.1", false, false, false, nil},
		{"bound to loopback of IPv6", ethernet, both, "::1", false, false, false, nil},
		{"bound to another loopback address", ethernet, both, "127.7.7.7", false, false, false, nil},
		{"two addresses", ethernet, []string{"10.1.2.3/16", "192.168.7.1/24"}, "::", true, true, false, []string{"10.1.255.255", "192.168.7.255"}},
		{"IPv6 alone", ethernet, []string{"fe80::1/64"}, "::", true, false, true, nil},
		{"a network of two", ethernet, []string{"10.1.2.3/31"}, "::", true, true, false, nil},
		{"no address yet", ethernet, nil, "::", false, false, false, nil},
		{"no cable", down, both, "::", false, false, false, nil},
		{"a tunnel", tunnel, both, "::", false, false, false, nil},
		{"loopback", loopback, []string{"127.0.0.1/8", "::1/128"}, "::", true, false, false, []string{"127.255.255.255"}},
		{"loopback, bound to it", loopback, []string{"127.0.0.1/8", "::1/128"}, "127.0.0.1", true, false, false, []string{"127.255.255.255"}},
	} {
		t.Run(row.name, func(t *testing.T) {
			var addrs []netip.Prefix
			for _, a := range row.addrs {
				addrs = append(addrs, netip.MustParsePrefix(a))
			}
			p, suitable := pathOf(row.device, addrs, mustAddr(row.bind))
			var broadcasts []string
			for _, a := range p.broadcasts {
				broadcasts = append(broadcasts, a.String())
			}
			if suitable != row.suitable || p.group4 != row.group4 || p.group6 != row.group6 || !slices.Equal(broadcasts, row.broadcasts) {
				t.Errorf("suitable %v, %+v", suitable, p)
			}
		})
	}
}
