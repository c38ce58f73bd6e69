package beacon

import (
	"net"
	"net/netip"
	"strings"

	"github.com/project-iris/iris/transport"
)

// complete puts the address that a beacon came from into the addresses without a host,
// and leaves those out where that is not known.
func complete(addresses string, from netip.Addr) string {
	var all []string
	for addr := range strings.SplitSeq(addresses, ",") {
		scheme, rest := transport.SplitAddr(addr)
		host, port, err := net.SplitHostPort(rest)
		switch {
		case err != nil || host != "":
			all = append(all, addr)
		case from.IsValid() && !from.IsUnspecified():
			all = append(all, transport.JoinAddr(scheme, net.JoinHostPort(from.Unmap().String(), port)))
		}
	}
	return strings.Join(all, ",")
}

// fit returns as many of the addresses as fit in a beacon, the first ones.
func fit(addresses string) string {
	for len(addresses) > MaxAddresses {
		addresses = addresses[:max(0, strings.LastIndexByte(addresses, ','))]
	}
	return addresses
}
