package roster

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/project-iris/iris/overlay/directory"
	"github.com/project-iris/iris/overlay/wire"
	"github.com/project-iris/iris/transport"
)

// listed returns addresses by two transports, each at n hosts that a format makes.
func listed(format string, n int) []string {
	var all []string
	for i := range n {
		host := fmt.Sprintf(format, i+100)
		all = append(all, "quic://"+host+":14142", "tcp://"+host+":14142")
	}
	return all
}

// portsOf returns n addresses of a host.
func portsOf(host string, n int) []string {
	var all []string
	for i := range n {
		all = append(all, fmt.Sprintf("tcp://%s:%d", host, 1000+i))
	}
	return all
}

// sameHosts reports whether two lists have the same hosts in the same order, and the same
// transports at each.
func sameHosts(a, b []string) bool {
	hosts := func(list []string) (all []string) {
		for _, addr := range list {
			_, at, _ := strings.Cut(addr, "://")
			all = append(all, at)
		}
		return all
	}
	return slices.Equal(hosts(a), hosts(b)) && slices.Equal(slices.Sorted(slices.Values(a)), slices.Sorted(slices.Values(b)))
}

// limit is what membership lets a node tell, in bytes.
const limit = 512

// As many addresses as a node tells reach the others, in their order, whatever they are.
func TestAddressesFitWhatANodeTells(t *testing.T) {
	long := "[2001:db8:1111:2222:3333:4444:5555:%x]"
	for _, row := range []struct {
		name string
		in   []string
		left bool
	}{
		{"one", listed("10.0.0.%d", 1), false},
		{"sixteen of IPv4", listed("10.10.10.%d", 16), false},
		{"sixteen of IPv6", listed(long, 16), false},
		{"names", []string{"mem://0", "mem://1"}, false},
		{"by a plugin", append([]string{"websocket://wss://gate.example/iris"}, listed(long, 16)...), false},
		{"by one transport only", append(listed("10.0.0.%d", 8), "tcp://10.0.1.1:9", "quic://10.0.1.2:9"), false},
		{"forty of IPv4", listed("10.10.10.%d", 40), true},
		{"more ports than a host has bits for", portsOf("10.0.0.1", 30), true},
	} {
		info := wire.Info{Epoch: 1 << 62}
		left := PutAddresses(&info, strings.Join(row.in, ","), limit)
		b := info.Append(nil)
		if len(b) > limit {
			t.Errorf("%s: %d bytes, at most %d are allowed", row.name, len(b), limit)
		}
		parsed, err := wire.ParseInfo(b)
		if err != nil {
			t.Fatalf("%s: %v", row.name, err)
		}
		got := strings.Split(AddressesOf(parsed), ",")
		if row.left != (left > 0) || len(got)+left != len(row.in) || !sameHosts(got, row.in[:len(got)]) {
			t.Errorf("%s: of %d addresses %d are left out and %d told: %v", row.name, len(row.in), left, len(got), got)
		}
	}
}

// What a node with the key makes up is no address, and does not multiply without bound.
func TestAddressesThatAreMadeUp(t *testing.T) {
	info := &wire.Info{Address: []byte("tcp://a:1")}
	for _, scheme := range []string{"", "a,b", "a://b", "t\n", "quic", "tcp", "x", "y"} {
		info.Services = append(info.Services, wire.Service{Scheme: []byte(scheme), Port: 65535 + uint64(len(scheme)%2)})
	}
	info.Hosts = []wire.Host{{Services: 0xff}, {Services: 0xff, IP: []byte("12345")}, {Services: 0xff, IP: []byte{1, 2, 3, 4}}, {IP: []byte{1, 2, 3, 5}}}
	if got, want := AddressesOf(info), "tcp://a:1,quic://1.2.3.4:65535"; got != want {
		t.Errorf("it is %s, want %s", got, want)
	}
}

// Each node has one word about what this one is seen as: what most say comes first, who is
// gone has none, and what is no address counts for nothing.
func TestWhatOthersSeeThisNodeAs(t *testing.T) {
	links := make(fakeLinks)
	r := New(directory.Member{ID: transport.PeerID{9}}, links)
	see := func(n byte, ip string) {
		r.See(transport.PeerID{n}, &wire.Seen{Host: netip.MustParseAddr(ip).AsSlice()})
	}
	expect := func(want ...string) {
		t.Helper()
		var got []string
		for _, ip := range r.Seen() {
			got = append(got, ip.String())
		}
		if !slices.Equal(got, want) {
			t.Errorf("it is seen as %v, want %v", got, want)
		}
	}
	expect()
	see(1, "10.0.0.1")
	see(2, "203.0.113.1")
	see(3, "203.0.113.1")
	expect("203.0.113.1", "10.0.0.1")
	see(3, "10.0.0.1")
	see(4, "::ffff:10.0.0.1")
	expect("10.0.0.1", "203.0.113.1")
	for _, useless := range []string{"127.0.0.1", "::1", "fe80::1", "0.0.0.0", "224.0.0.1", "169.254.1.1"} {
		see(5, useless)
	}
	r.See(transport.PeerID{5}, &wire.Seen{Host: []byte("12345")})
	expect("10.0.0.1", "203.0.113.1")
	r.Up(transport.PeerID{2}, "", 1)
	r.Down(transport.PeerID{2})
	expect("10.0.0.1")
	for n := range 2 * maxSeen {
		r.See(transport.PeerID{byte(n), byte(n >> 8), 9}, &wire.Seen{Host: []byte{10, 1, byte(n >> 8), byte(n)}})
	}
	if len(r.seen) != maxSeen {
		t.Errorf("the word of %d nodes is kept, want %d", len(r.seen), maxSeen)
	}
}

func TestWhatANodeIsToldAboutItself(t *testing.T) {
	for remote, want := range map[string]string{
		"10.0.0.1:7": "10.0.0.1", "[2001:db8::1]:7": "2001:db8::1", "[::ffff:10.0.0.1]:7": "10.0.0.1",
		"127.0.0.1:7": "", "[fe80::1%eth0]:7": "", "unknown": "", "host:7": "", "": "",
	} {
		got := ""
		if seen := SeenAt(remote); seen != nil {
			ip, _ := netip.AddrFromSlice(seen.Host)
			got = ip.String()
		}
		if got != want {
			t.Errorf("a link to %q: %q, want %q", remote, got, want)
		}
	}
}
