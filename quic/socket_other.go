//go:build !linux

package quic

import (
	"net"
	"net/netip"
)

// enhance does nothing here: of the systems that nodes run on, only Linux has
// GRO, and tells of unreachable ports on a socket that many share.
func enhance(conn *net.UDPConn, _ bool, _ func(netip.AddrPort)) net.PacketConn { return conn }
