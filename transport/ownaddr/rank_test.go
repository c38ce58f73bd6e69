package ownaddr

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
)

// iface makes an interface of what is said of it: "default", "metric N" as a number, "inner",
// "loopback", and its addresses with their networks.
func iface(name string, about ...string) Interface {
	i := Interface{Name: name}
	for _, a := range about {
		switch a {
		case "default":
			i.Default = true
		case "slow":
			i.Default, i.Metric = true, 600
		case "inner":
			i.Inner = true
		case "loopback":
			i.Loopback = true
		default:
			i.Addrs = append(i.Addrs, netip.MustParsePrefix(a))
		}
	}
	return i
}

var lo = iface("lo", "loopback", "127.0.0.1/8", "::1/128")

// bridges returns n bridges of containers, each with a link-local address too.
func bridges(n int) []Interface {
	var all []Interface
	for i := range n {
		all = append(all, iface(fmt.Sprint("br-", i), "inner", fmt.Sprintf("172.%d.0.1/16", 17+i), fmt.Sprintf("fe80::b%x/64", i)))
	}
	return all
}

func parse(addrs ...string) []netip.Addr {
	var all []netip.Addr
	for _, a := range addrs {
		all = append(all, netip.MustParseAddr(a))
	}
	return all
}

func text(addrs []netip.Addr) string {
	var all []string
	for _, a := range addrs {
		all = append(all, a.String())
	}
	return strings.Join(all, " ")
}

func TestRank(t *testing.T) {
	eth0 := iface("eth0", "default", "192.168.7.1/24", "2001:db8::1/64", "fe80::1/64")
	for _, row := range []struct {
		name string
		host []Interface
		seen []netip.Addr
		told string // its beginning, if there are some left
		left int
	}{
		{"one interface", []Interface{lo, eth0}, nil, "192.168.7.1 2001:db8::1 fe80::1", 0},
		{"two bridges first", append(bridges(2), eth0), nil, "192.168.7.1 2001:db8::1 172.17.0.1 172.18.0.1 fe80::1", 0},
		{"thirteen bridges first", append(bridges(13), lo, eth0), nil, "192.168.7.1 2001:db8::1 172.17.0.1 172.18.0.1", 0},
		{"thirty bridges first", append(bridges(30), eth0), nil, "192.168.7.1 2001:db8::1 172.17.0.1 172.18.0.1", 17},
		{
			"no default route", append(bridges(1), iface("eth0", "10.0.0.1/8")), nil,
			"10.0.0.1 172.17.0.1", 0,
		},
		{
			"two default routes",
			[]Interface{iface("wlan0", "slow", "10.0.0.2/8"), iface("eth0", "default", "10.0.0.1/8")},
			nil,
			"10.0.0.1 10.0.0.2", 0,
		},
		{
			"the host's network is a bridge's",
			[]Interface{iface("vm0", "inner", "10.9.0.1/16"), iface("br0", "inner", "default", "10.0.0.1/8")},
			nil,
			"10.0.0.1 10.9.0.1", 0,
		},
		{"link-local alone", []Interface{lo, iface("eth0", "fe80::1/64")}, nil, "fe80::1", 0},
		{"link-local, and that of a bridge", append(bridges(0), iface("br-0", "inner", "fe80::b/64"), iface("eth0", "fe80::1/64")), nil, "fe80::1", 0},
		{"link-local of IPv4", []Interface{iface("eth0", "169.254.3.4/16")}, nil, "169.254.3.4", 0},
		{"loopback alone", []Interface{lo}, nil, "127.0.0.1", 0},
		{"nothing", nil, nil, "127.0.0.1", 0},
		{"a loopback interface with an address of others", []Interface{iface("lo", "loopback", "127.0.0.1/8", "203.0.113.9/32"), eth0}, nil, "192.168.7.1 2001:db8::1 fe80::1", 0},
		{
			"seen at another interface",
			[]Interface{eth0, iface("eth1", "10.0.0.1/8")},
			parse("10.0.0.1"),
			"10.0.0.1 192.168.7.1 2001:db8::1 fe80::1", 0,
		},
		{
			"seen at a bridge too, by a container", append(bridges(1), eth0), parse("172.17.0.1", "192.168.7.1"),
			"192.168.7.1 172.17.0.1 2001:db8::1 fe80::1", 0,
		},
		{
			"seen from outside", append(bridges(1), eth0), parse("203.0.113.1"),
			"192.168.7.1 2001:db8::1 203.0.113.1 172.17.0.1 fe80::1", 0,
		},
		{
			"liars", append(bridges(1), eth0), parse("203.0.113.1", "203.0.113.2", "203.0.113.3", "127.0.0.1", "::1", "224.0.0.1", "fe80::9"),
			"192.168.7.1 2001:db8::1 203.0.113.1 203.0.113.2 172.17.0.1 fe80::1", 0,
		},
	} {
		told, left := Rank(row.host, row.seen)
		complete := len(told) < MaxTold
		if !strings.HasPrefix(text(told), row.told) || complete && text(told) != row.told || len(left) != row.left || len(told) > MaxTold {
			t.Errorf("%s: others are told %s, and not %s; want %s, and %d left out", row.name, text(told), text(left), row.told, row.left)
		}
	}
}

// What a node tells does not depend on the order of interfaces of different worth.
func TestRankDoesNotDependOnTheOrder(t *testing.T) {
	host := append(bridges(13), lo, iface("eth0", "default", "192.168.7.1/24"))
	forth, _ := Rank(host, nil)
	slices.Reverse(host)
	back, _ := Rank(host, nil)
	if forth[0] != back[0] || forth[0].String() != "192.168.7.1" {
		t.Errorf("the first address is %v, and %v in another order", forth[0], back[0])
	}
}
