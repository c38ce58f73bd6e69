package ownaddr

import (
	"net"
	"net/netip"
)

// Interface is one of this host's, with what says how good its addresses are.
type Interface struct {
	Name     string
	Loopback bool
	Inner    bool // a bridge of containers, a tunnel and the like
	Default  bool // a default route leads through it
	Metric   int  // of that route; lower ones come first
	Addrs    []netip.Prefix
}

// Interfaces returns those that are up and have addresses. It fails when the system does
// not say.
func Interfaces() ([]Interface, error) {
	all, err := net.Interfaces()
	if err != nil {
		return nil, err
	}
	routes := defaultRoutes()
	var host []Interface
	for _, one := range all {
		addrs, err := one.Addrs()
		if err != nil || one.Flags&net.FlagUp == 0 {
			continue // gone meanwhile, or of no use
		}
		i := Interface{Name: one.Name, Loopback: one.Flags&net.FlagLoopback != 0, Addrs: prefixes(addrs)}
		if len(i.Addrs) == 0 {
			continue
		}
		i.Metric, i.Default = routes.through(i)
		i.Inner = one.Flags&net.FlagPointToPoint != 0 || isInner(one.Name)
		host = append(host, i)
	}
	return host, nil
}

func prefixes(addrs []net.Addr) []netip.Prefix {
	var all []netip.Prefix
	for _, a := range addrs {
		if p, err := netip.ParsePrefix(a.String()); err == nil {
			all = append(all, netip.PrefixFrom(p.Addr().Unmap(), p.Bits()))
		}
	}
	return all
}

// has reports whether the interface has an address, whatever its zone.
func (i Interface) has(addr netip.Addr) bool {
	for _, p := range i.Addrs {
		if p.Addr() == addr.WithZone("") {
			return true
		}
	}
	return false
}

// shares reports whether an address is on a network of the interface.
func (i Interface) shares(addr netip.Addr) bool {
	for _, p := range i.Addrs {
		if !p.IsSingleIP() && p.Contains(addr) {
			return true
		}
	}
	return false
}

// isLinkLocal reports whether an address is good on one wire only.
func isLinkLocal(a netip.Addr) bool { return a.IsLinkLocalUnicast() }
