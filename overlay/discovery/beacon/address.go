package beacon

import (
	"net"
	"net/netip"
	"strings"

	"github.com/project-iris/iris/transport"
)

// complete puts the address that a beacon came from into the addresses without a host,
// and leaves those out where that is not known; and the wire that it came by into those
// that are good on one wire only. These come last: they are new whenever the cable is, and
// take a second or two to be of use then.
func complete(addresses string, from netip.Addr) string {
	var all, last []string
	for addr := range strings.SplitSeq(addresses, ",") {
		scheme, rest := transport.SplitAddr(addr)
		host, port, err := net.SplitHostPort(rest)
		if ip, local := linkLocal(host); local {
			last = append(last, transport.JoinAddr(scheme, net.JoinHostPort(ip.WithZone(from.Zone()).String(), port)))
			continue
		}
		if err != nil || host != "" {
			all = append(all, addr)
			continue
		}
		full := transport.JoinAddr(scheme, net.JoinHostPort(from.Unmap().String(), port))
		switch {
		case !from.IsValid() || from.IsUnspecified():
		case from.IsLinkLocalUnicast():
			last = append(last, full)
		default:
			all = append(all, full)
		}
	}
	return strings.Join(append(all, last...), ",")
}

// linkLocal returns an IPv6 address that is good on one wire only, without the zone that
// the sender may have for that, and whether a host is one.
func linkLocal(host string) (netip.Addr, bool) {
	ip, err := netip.ParseAddr(host)
	return ip.WithZone(""), err == nil && ip.Is6() && ip.IsLinkLocalUnicast()
}

// fit returns as many of the addresses as fit in a beacon, the first ones.
func fit(addresses string) string {
	for len(addresses) > MaxAddresses {
		addresses = addresses[:max(0, strings.LastIndexByte(addresses, ','))]
	}
	return addresses
}
