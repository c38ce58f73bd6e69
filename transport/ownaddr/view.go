package ownaddr

import (
	"cmp"
	"net"
	"net/netip"
	"slices"

	"github.com/project-iris/iris/transport"
)

// maxZones is on how many interfaces a link-local address is tried.
const maxZones = 4

// View is what a node knows of itself when it dials another one.
type View struct {
	// Host are the interfaces of this host.
	Host []Interface
	// Listening are the addresses that the node listens on, scheme://host:port. A host
	// that is unspecified stands for all of this host's.
	Listening []string
}

// The order in which addresses of another node are dialled.
const (
	turnShared = iota
	turnTold   // as it was told
	turnInner
	turnLinkLocal
)

// turn is an address and when it is dialled.
type turn struct {
	addr string
	turn int
}

// Arrange returns the addresses of another node, scheme://host:port, as they are to be
// dialled: the package comment says how. What is no IP address stays as it is.
func (v View) Arrange(addrs []string) []string {
	var turns []turn
	for _, addr := range addrs {
		turns = append(turns, v.turns(addr)...)
	}
	slices.SortStableFunc(turns, func(a, b turn) int { return cmp.Compare(a.turn, b.turn) })
	arranged := make([]string, len(turns))
	for i, t := range turns {
		arranged[i] = t.addr
	}
	return arranged
}

// turns returns what is dialled for an address: nothing, if it is this node's.
func (v View) turns(addr string) []turn {
	scheme, rest := transport.SplitAddr(addr)
	host, port, err := net.SplitHostPort(rest)
	ip, notIP := netip.ParseAddr(host)
	if err != nil || notIP != nil {
		return []turn{{addr, turnTold}}
	}
	ip = ip.Unmap()
	switch {
	case v.listens(scheme, ip, port):
		return nil
	case !isLinkLocal(ip):
		return []turn{{addr, v.turn(ip)}}
	case ip.Is4() || ip.Zone() != "":
		return []turn{{addr, turnLinkLocal}}
	}
	var all []turn
	for _, zone := range v.zones() {
		all = append(all, turn{transport.JoinAddr(scheme, net.JoinHostPort(ip.WithZone(zone).String(), port)), turnLinkLocal})
	}
	return all
}

// turn says when an address is dialled that is not link-local.
func (v View) turn(ip netip.Addr) int {
	when := turnTold
	for _, i := range v.Host {
		switch {
		case !i.shares(ip):
		case !i.Inner || i.Default:
			return turnShared
		default:
			when = turnInner
		}
	}
	return when
}

// listens reports whether an address is where this node listens.
func (v View) listens(scheme string, ip netip.Addr, port string) bool {
	for _, at := range v.Listening {
		listening, rest := transport.SplitAddr(at)
		host, its, err := net.SplitHostPort(rest)
		if err != nil || listening != scheme || its != port {
			continue
		}
		bound, err := netip.ParseAddr(host)
		if everywhere := host == "" || err == nil && bound.IsUnspecified(); everywhere && v.has(ip) {
			return true
		}
		if err == nil && bound.Unmap().WithZone("") == ip.WithZone("") {
			return true
		}
	}
	return false
}

// has reports whether an address is this host's.
func (v View) has(ip netip.Addr) bool {
	return ip.IsLoopback() || ip.IsUnspecified() || slices.ContainsFunc(v.Host, func(i Interface) bool { return i.has(ip) })
}

// zones returns the interfaces that a link-local address may be reached by, those with a
// default route first, and bridges and tunnels only where there is nothing else.
func (v View) zones() []string {
	var zones, inner []string
	for _, i := range slices.SortedStableFunc(slices.Values(v.Host), byRoute) {
		local := slices.ContainsFunc(i.Addrs, func(p netip.Prefix) bool { return p.Addr().Is6() && isLinkLocal(p.Addr()) })
		switch {
		case !local || i.Loopback:
		case i.Inner:
			inner = append(inner, i.Name)
		default:
			zones = append(zones, i.Name)
		}
	}
	if len(zones) == 0 {
		zones = inner
	}
	return zones[:min(len(zones), maxZones)]
}

// byRoute puts interfaces with a default route first.
func byRoute(a, b Interface) int {
	switch {
	case a.Default == b.Default:
		return cmp.Compare(a.Metric, b.Metric)
	case a.Default:
		return -1
	}
	return 1
}
