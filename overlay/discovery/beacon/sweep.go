package beacon

import (
	"net/netip"
	"slices"
)

const (
	// sweepBits is the largest network that is swept whole, 1,022 addresses; of a larger
	// one it is the part around the own address.
	sweepBits = 22
	// sweepAround is what is swept around an address whose network is too small to have
	// others in it, as in clouds whose hosts reach each other through a router.
	sweepAround = 24
	// maxSweeps is how many networks are swept.
	maxSweeps = 4
)

// shared is the address space of carriers (RFC 6598), which some clouds give to hosts.
var shared = netip.MustParsePrefix("100.64.0.0/10")

// around returns the addresses to probe around those of this host, which come with their
// networks: the private IPv4 networks that they are in, nearest addresses first, network
// after network.
func around(own []netip.Prefix) []netip.Addr {
	var all []netip.Addr
	var done []netip.Prefix
	for _, prefix := range own {
		area, ok := areaOf(prefix)
		if !ok || slices.Contains(done, area) || len(done) == maxSweeps {
			continue
		}
		done = append(done, area)
		all = append(all, outwards(prefix.Addr(), area)...)
	}
	return all
}

// areaOf returns what is swept around an address of this host, if anything.
func areaOf(prefix netip.Prefix) (netip.Prefix, bool) {
	addr := prefix.Addr()
	if !addr.Is4() || !addr.IsPrivate() && !shared.Contains(addr) {
		return netip.Prefix{}, false
	}
	bits := max(prefix.Bits(), sweepBits)
	if bits > 30 {
		bits = sweepAround
	}
	return netip.PrefixFrom(addr, bits).Masked(), true
}

// outwards returns the addresses of an area, from one of it to both sides, without that
// one and the first and last of the area.
func outwards(from netip.Addr, area netip.Prefix) []netip.Addr {
	last := lastOf(area)
	inside := func(a netip.Addr) bool { return area.Contains(a) && a != area.Addr() && a != last }
	var all []netip.Addr
	for up, down := from.Next(), from.Prev(); inside(up) || inside(down); up, down = up.Next(), down.Prev() {
		for _, addr := range []netip.Addr{up, down} {
			if inside(addr) {
				all = append(all, addr)
			}
		}
	}
	return all
}

// lastOf returns the last address of an IPv4 network, which is its broadcast address.
func lastOf(p netip.Prefix) netip.Addr {
	four := p.Masked().Addr().As4()
	for bit := p.Bits(); bit < 32; bit++ {
		four[bit/8] |= 0x80 >> (bit % 8)
	}
	return netip.AddrFrom4(four)
}
