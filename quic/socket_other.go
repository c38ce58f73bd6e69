//go:build !linux && !windows

package quic

import (
	"net"
	"net/netip"
	"syscall"

	"golang.org/x/sys/unix"
)

// enhance makes the socket steady, and no more: of the systems that nodes run
// on, only Linux has GRO, and tells of unreachable ports on a socket that many
// share.
func enhance(conn *net.UDPConn, _ bool, _ func(netip.AddrPort)) *steadyConn {
	return newSteadyConn(conn)
}

// reports are errors that a neighbour who does not answer, or a message about a
// packet, sets on a socket.
var reports = []syscall.Errno{
	unix.ECONNREFUSED, unix.EHOSTUNREACH, unix.ENETUNREACH, unix.EHOSTDOWN, unix.ENETDOWN,
}
