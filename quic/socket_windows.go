package quic

import (
	"net"
	"net/netip"
	"syscall"

	"golang.org/x/sys/windows"
)

// enhance makes the socket steady. Windows tells by an error of the next read,
// WSAECONNRESET, that nobody listens where a packet has gone, but not where that
// is.
func enhance(conn *net.UDPConn, _ bool, _ func(netip.AddrPort)) *steadyConn {
	return newSteadyConn(conn)
}

// reports are errors that messages about packets set on a socket.
var reports = []syscall.Errno{
	windows.WSAECONNRESET, windows.WSAENETRESET, windows.WSAECONNREFUSED, windows.WSAECONNABORTED,
	windows.WSAEHOSTUNREACH, windows.WSAENETUNREACH, windows.WSAEHOSTDOWN,
}

// ends are errors of something that is no socket any more.
var ends = []syscall.Errno{windows.WSAENOTSOCK, windows.WSAEBADF}

// refusals are why a system does not send a packet.
var refusals = []syscall.Errno{windows.WSAENOBUFS, windows.WSAEACCES}

// tooLong says of a packet, not always of the one that is written, that it was too
// long.
const tooLong = windows.WSAEMSGSIZE
