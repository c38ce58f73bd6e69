package ownaddr

import (
	"cmp"
	"net/netip"
	"slices"
)

const (
	// MaxTold is how many addresses of this host others are told. Each is dialled by
	// those who look for it, so that more cost more than they help.
	MaxTold = 16
	// maxOutside is how many of them are not this host's, as far as it knows.
	maxOutside = 2
)

// class is how good an address is, the best first.
type class int

const (
	classSeen class = iota
	classDefault
	classOutside
	classOther
	classInner
	classLinkLocal
)

// candidate is an address to tell.
type candidate struct {
	addr   netip.Addr
	class  class
	by     class // by its interface alone
	metric int   // of the default route
}

// Rank returns the addresses that others are to be told, best first, without zones, and
// those for which there is no room. What others see this host as is seen, the most
// trustworthy first.
func Rank(host []Interface, seen []netip.Addr) (told, left []netip.Addr) {
	all := append(own(host, seen), outside(host, seen)...)
	slices.SortStableFunc(all, func(a, b candidate) int {
		return cmp.Or(cmp.Compare(a.class, b.class), cmp.Compare(a.by, b.by), cmp.Compare(a.metric, b.metric), cmp.Compare(a.addr.BitLen(), b.addr.BitLen()))
	})
	for _, c := range all {
		addr := c.addr.WithZone("")
		switch {
		case slices.Contains(told, addr):
		case len(told) < MaxTold:
			told = append(told, addr)
		default:
			left = append(left, addr)
		}
	}
	if len(told) == 0 {
		told = loopbacks(host)
	}
	return told, left
}

// own returns the candidates of this host.
func own(host []Interface, seen []netip.Addr) []candidate {
	var all []candidate
	for _, i := range host {
		for _, p := range i.Addrs {
			c := candidate{addr: p.Addr(), class: i.class(), by: i.class()}
			if i.Default {
				c.metric = i.Metric
			}
			switch {
			case i.Loopback:
				continue // whatever its address
			case isLinkLocal(c.addr) && !i.Inner:
				c.class = classLinkLocal
			case !c.addr.IsGlobalUnicast():
				continue
			case slices.Contains(seen, c.addr):
				c.class = classSeen
			}
			all = append(all, c)
		}
	}
	return all
}

// class is that of the addresses of an interface that nobody has seen.
func (i Interface) class() class {
	switch {
	case i.Default:
		return classDefault
	case i.Inner:
		return classInner
	}
	return classOther
}

// outside returns the candidates that only others know.
func outside(host []Interface, seen []netip.Addr) []candidate {
	var all []candidate
	for _, addr := range seen {
		known := slices.ContainsFunc(host, func(i Interface) bool { return i.has(addr) })
		if !known && addr.IsGlobalUnicast() && len(all) < maxOutside {
			all = append(all, candidate{addr: addr, class: classOutside})
		}
	}
	return all
}

// loopbacks returns the first loopback address of the host, for nodes on it.
func loopbacks(host []Interface) []netip.Addr {
	for _, i := range host {
		for _, p := range i.Addrs {
			if p.Addr().IsLoopback() {
				return []netip.Addr{p.Addr()}
			}
		}
	}
	return []netip.Addr{netip.AddrFrom4([4]byte{127, 0, 0, 1})}
}
