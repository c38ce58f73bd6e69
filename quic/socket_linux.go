package quic

import (
	"encoding/binary"
	"net"
	"net/netip"
	"syscall"

	"golang.org/x/net/ipv4"
	"golang.org/x/sys/unix"
)

// enhance makes the socket steady, and adds what Linux can do besides.
//
// It tells of port unreachable messages (ICMP, RFC 792; ICMPv6, RFC 4443), by
// IP_RECVERR. And it reads with GRO, see groReader.
func enhance(conn *net.UDPConn, gro bool, unreachable func(netip.AddrPort)) *steadyConn {
	c := newSteadyConn(conn)
	raw, err := conn.SyscallConn()
	if err != nil {
		return c
	}
	// A socket of one family refuses the option of the other; without either
	// there is nothing to tell.
	_ = raw.Control(func(fd uintptr) {
		_ = unix.SetsockoptInt(int(fd), unix.IPPROTO_IP, unix.IP_RECVERR, 1)
		_ = unix.SetsockoptInt(int(fd), unix.IPPROTO_IPV6, unix.IPV6_RECVERR, 1)
	})
	c.drain = func() { drain(raw, unreachable) }
	if gro {
		if reader := newGROReader(conn, ipv4.NewPacketConn(conn)); reader != nil {
			c.read = reader.read
		}
	}
	return c
}

// reports are errors that a message about a packet sets on a socket: those that
// Linux makes of ICMP and of ICMPv6. A message that a packet was too long has
// EMSGSIZE, which isTooLong tells.
var reports = []syscall.Errno{
	unix.ECONNREFUSED, unix.EHOSTUNREACH, unix.ENETUNREACH, unix.EHOSTDOWN, unix.ENONET,
	unix.EPROTO, unix.ENOPROTOOPT, unix.EOPNOTSUPP, unix.EACCES,
}

// drain empties the socket's queue of reports.
func drain(socket syscall.RawConn, unreachable func(netip.AddrPort)) {
	var refused []netip.AddrPort
	_ = socket.Control(func(fd uintptr) { refused = readReports(int(fd)) })
	for _, addr := range refused {
		unreachable(addr)
	}
}

// readReports reads the addresses of which the kernel says that nobody listens
// there. The kernel bounds the queue, with the receive buffer.
func readReports(fd int) (refused []netip.AddrPort) {
	oob := make([]byte, 512)
	for {
		_, n, _, to, err := unix.Recvmsg(fd, nil, oob, unix.MSG_ERRQUEUE|unix.MSG_DONTWAIT)
		if err != nil {
			return refused
		}
		if addr, ok := addrPort(to); ok && reportsRefusal(oob[:n]) {
			refused = append(refused, addr)
		}
	}
}

// reportsRefusal looks for a struct sock_extended_err that an ICMP message with
// ECONNREFUSED, port unreachable, has left: ee_errno is its first field, of 4
// bytes, and ee_origin the fifth byte.
func reportsRefusal(oob []byte) bool {
	for len(oob) >= unix.SizeofCmsghdr {
		header, body, rest, err := unix.ParseOneSocketControlMessage(oob)
		if err != nil {
			return false
		}
		ours := (header.Level == unix.IPPROTO_IP && header.Type == unix.IP_RECVERR) ||
			(header.Level == unix.IPPROTO_IPV6 && header.Type == unix.IPV6_RECVERR)
		if ours && len(body) >= 5 {
			number, origin := binary.NativeEndian.Uint32(body), body[4]
			icmp := origin == unix.SO_EE_ORIGIN_ICMP || origin == unix.SO_EE_ORIGIN_ICMP6
			return icmp && number == uint32(unix.ECONNREFUSED)
		}
		oob = rest
	}
	return false
}

// addrPort is where the packet that was reported had gone.
func addrPort(address unix.Sockaddr) (netip.AddrPort, bool) {
	switch to := address.(type) {
	case *unix.SockaddrInet4:
		return netip.AddrPortFrom(netip.AddrFrom4(to.Addr), uint16(to.Port)), true
	case *unix.SockaddrInet6:
		return netip.AddrPortFrom(netip.AddrFrom16(to.Addr).Unmap(), uint16(to.Port)), true
	}
	return netip.AddrPort{}, false
}
