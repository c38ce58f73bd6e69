package beacon

import (
	"net"
	"net/netip"
	"strings"

	"github.com/project-iris/iris/transport"
)

// complete puts the address that a beacon came from into the addresses without a host,
// and leaves those out where that is not known. One that is good on one wire only comes
// last: it is new whenever the cable is, and takes a second or two to be of use then.
func complete(addresses string, from netip.Addr) string {
	var all, last []string
	for addr := range strings.SplitSeq(addresses, ",") {
		scheme, rest := transport.SplitAddr(addr)
		host, port, err := net.SplitHostPort(rest)
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

// fit returns as many of the addresses as fit in a beacon, the first ones.
func fit(addresses string) string {
	for len(addresses) > MaxAddresses {
		addresses = addresses[:max(0, strings.LastIndexByte(addresses, ','))]
	}
	return addresses
}
