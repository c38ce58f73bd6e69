//go:build !linux

package ownaddr

import (
	"net"
	"net/netip"
	"slices"
	"strings"
)

// outsides are addresses that no network has (RFC 5737, RFC 3849): only a default route
// leads there.
var outsides = []string{"192.0.2.1:9", "[2001:db8::1]:9"}

// routes are the addresses that this host would send from by a default route.
type routes []netip.Addr

// defaultRoutes connects UDP sockets, which asks the table of routes and sends nothing.
func defaultRoutes() routes {
	var all routes
	for _, to := range outsides {
		conn, err := net.Dial("udp", to)
		if err != nil {
			continue // no route
		}
		all = append(all, conn.LocalAddr().(*net.UDPAddr).AddrPort().Addr().Unmap())
		conn.Close()
	}
	return all
}

// through reports whether a default route leads through an interface. All have one metric:
// the system does not say it.
func (r routes) through(i Interface) (metric int, ok bool) {
	return 0, slices.ContainsFunc(r, i.has)
}

// innerNames are how the names of bridges and tunnels begin on macOS, the BSDs and Windows,
// in lower case.
var innerNames = []string{
	"bridge", "utun", "tun", "tap", "gif", "stf", "ipsec", "ppp", "wg", "vmnet", "vboxnet",
	"awdl", "llw", "docker", "veth", "vethernet", "virtualbox", "vmware",
}

// isInner reports whether an interface is a bridge or a tunnel, as far as its name tells.
func isInner(name string) bool {
	return slices.ContainsFunc(innerNames, func(prefix string) bool {
		return strings.HasPrefix(strings.ToLower(name), prefix)
	})
}
