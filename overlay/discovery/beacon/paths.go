package beacon

import (
	"net"
	"net/netip"
	"slices"
)

// path is an interface that beacons are sent on.
type path struct {
	index      int
	name       string
	group4     bool           // it has an IPv4 address, and multicast
	group6     bool           // the same for IPv6
	broadcasts []netip.Addr   // of its IPv4 networks
	addrs      []netip.Prefix // all its addresses
}

func (p path) equal(q path) bool {
	return p.index == q.index && p.name == q.name && p.group4 == q.group4 && p.group6 == q.group6 &&
		slices.Equal(p.broadcasts, q.broadcasts) && slices.Equal(p.addrs, q.addrs)
}

// paths returns the interfaces of this host that are suitable for a node that is bound to
// an address.
func paths(bind netip.Addr) ([]path, error) {
	interfaces, err := net.Interfaces()
	if err != nil {
		return nil, err
	}
	var all []path
	for _, i := range interfaces {
		addrs, err := i.Addrs()
		if err != nil {
			continue // it has gone meanwhile
		}
		if p, ok := pathOf(i, prefixes(addrs), bind); ok {
			all = append(all, p)
		}
	}
	return all, nil
}

// prefixes returns the addresses of an interface, each with its network.
func prefixes(addrs []net.Addr) []netip.Prefix {
	var all []netip.Prefix
	for _, a := range addrs {
		if prefix, err := netip.ParsePrefix(a.String()); err == nil {
			all = append(all, prefix)
		}
	}
	return all
}

// pathOf returns how to use an interface, and whether it is suitable: it is up and has a
// cable, or what stands for one, and it has the address that the node is bound to. What
// is bound to a loopback address stays on loopback interfaces.
func pathOf(i net.Interface, addrs []netip.Prefix, bind netip.Addr) (path, bool) {
	const works = net.FlagUp | net.FlagRunning
	loopback := i.Flags&net.FlagLoopback != 0
	has := func(a netip.Prefix) bool { return a.Addr() == bind.Unmap().WithZone("") }
	switch {
	case i.Flags&works != works, i.Flags&net.FlagPointToPoint != 0:
		return path{}, false
	case bind.IsLoopback() && !loopback:
		return path{}, false
	case bind.IsValid() && !bind.IsUnspecified() && !bind.IsLoopback() && !slices.ContainsFunc(addrs, has):
		return path{}, false
	}
	p := path{index: i.Index, name: i.Name, addrs: addrs}
	multicast := i.Flags&net.FlagMulticast != 0
	for _, a := range addrs {
		switch {
		case !a.Addr().Is4():
			p.group6 = p.group6 || multicast
			continue
		case (i.Flags&net.FlagBroadcast != 0 || loopback) && a.Bits() < 31:
			p.broadcasts = append(p.broadcasts, lastOf(a))
		}
		p.group4 = p.group4 || multicast
	}
	return p, p.group4 || p.group6 || len(p.broadcasts) > 0
}
