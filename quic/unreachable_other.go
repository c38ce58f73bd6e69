//go:build !linux

package quic

import (
	"net"
	"net/netip"
)

// watchUnreachable does nothing here: only Linux tells of it on a socket that
// many share.
func watchUnreachable(conn *net.UDPConn, _ func(netip.AddrPort)) net.PacketConn { return conn }
