package quic

import (
	"encoding/binary"
	"errors"
	"net"
	"net/netip"

	"golang.org/x/net/ipv4"
	"golang.org/x/sys/unix"
)

// A linuxConn is a UDP socket with what Linux can do besides.
//
// It tells of port unreachable messages (ICMP, RFC 792; ICMPv6, RFC 4443), by
// IP_RECVERR. quic-go takes what such sockets return for an error of the socket
// itself, so it gets to see none of it. And it reads with GRO, see groReader.
type linuxConn struct {
	*net.UDPConn
	batch       *ipv4.PacketConn // reads IPv6 as well; quic-go does it this way too
	gro         *groReader       // nil if the kernel has none, or it is not wanted
	unreachable func(netip.AddrPort)
}

// enhance returns the socket for quic-go.
func enhance(conn *net.UDPConn, gro bool, unreachable func(netip.AddrPort)) net.PacketConn {
	raw, err := conn.SyscallConn()
	if err != nil {
		return conn
	}
	// A socket of one family refuses the option of the other; without either
	// there is nothing to tell.
	_ = raw.Control(func(fd uintptr) {
		_ = unix.SetsockoptInt(int(fd), unix.IPPROTO_IP, unix.IP_RECVERR, 1)
		_ = unix.SetsockoptInt(int(fd), unix.IPPROTO_IPV6, unix.IPV6_RECVERR, 1)
	})
	c := &linuxConn{UDPConn: conn, batch: ipv4.NewPacketConn(conn), unreachable: unreachable}
	if gro {
		c.gro = newGROReader(conn, c.batch)
	}
	return c
}

// ReadBatch is what quic-go reads with.
func (c *linuxConn) ReadBatch(messages []ipv4.Message, flags int) (int, error) {
	for {
		n, err := c.readBatch(messages, flags)
		if !isReport(err) {
			return n, err
		}
		c.drain()
	}
}

func (c *linuxConn) readBatch(messages []ipv4.Message, flags int) (int, error) {
	if c.gro != nil {
		return c.gro.read(messages, flags)
	}
	return c.batch.ReadBatch(messages, flags)
}

// WriteMsgUDP is what quic-go writes with. A report about an earlier packet, to
// anybody, fails a write that has nothing to do with it, once.
func (c *linuxConn) WriteMsgUDP(b, oob []byte, addr *net.UDPAddr) (n, oobn int, err error) {
	for range 8 {
		n, oobn, err = c.UDPConn.WriteMsgUDP(b, oob, addr)
		if err == nil {
			return n, oobn, nil
		}
		c.drain()
		if !isReport(err) {
			return n, oobn, err
		}
	}
	return len(b), len(oob), nil // lost, as any packet may be
}

// isReport tells what ICMP can set on a socket from errors of its own. Of
// these, quic-go wants to know of a message that is too long.
func isReport(err error) bool {
	return errors.Is(err, unix.ECONNREFUSED) || errors.Is(err, unix.EHOSTUNREACH) ||
		errors.Is(err, unix.ENETUNREACH) || errors.Is(err, unix.EHOSTDOWN) ||
		errors.Is(err, unix.EPROTO) || errors.Is(err, unix.ENOPROTOOPT)
}

// drain empties the socket's queue of reports.
func (c *linuxConn) drain() {
	raw, err := c.SyscallConn()
	if err != nil {
		return
	}
	var reports []netip.AddrPort
	_ = raw.Control(func(fd uintptr) { reports = readReports(int(fd)) })
	for _, addr := range reports {
		c.unreachable(addr)
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
