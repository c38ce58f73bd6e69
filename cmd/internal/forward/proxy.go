package forward

import (
	"encoding/binary"
	"net"
	"net/netip"
)

// The PROXY protocol, version 2, as HAProxy's proxy-protocol.txt specifies it in section
// 2.2: a signature, version and command, family and transport, and the length of what
// follows.
const (
	proxySignature = "\r\n\r\n\x00\r\nQUIT\n"
	proxyLocal     = 0x20 // of the proxy itself
	proxyFor       = 0x21 // for somebody else
	proxyUnknown   = 0x00
	proxyTCP4      = 0x11
	proxyTCP6      = 0x21
)

// localHeader begins a connection that carries nothing.
func localHeader() []byte { return append([]byte(proxySignature), proxyLocal, proxyUnknown, 0, 0) }

// proxyHeader begins a connection to a target that is made for a source, a text as
// 192.0.2.7:49152. A source that is none, such as that of a Unix socket, is unknown.
func proxyHeader(source string, target net.Addr) []byte {
	from, err := netip.ParseAddrPort(source)
	if err != nil {
		return append([]byte(proxySignature), proxyFor, proxyUnknown, 0, 0)
	}
	family, length := byte(proxyTCP6), uint16(2*16+2*2)
	ip := from.Addr().Unmap().WithZone("")
	if ip.Is4() {
		family, length = proxyTCP4, 2*4+2*2
	}
	to := destination(target, ip)
	b := append([]byte(proxySignature), proxyFor, family)
	b = binary.BigEndian.AppendUint16(b, length)
	b = append(b, ip.AsSlice()...)
	b = append(b, to.Addr().AsSlice()...)
	b = binary.BigEndian.AppendUint16(b, from.Port())
	return binary.BigEndian.AppendUint16(b, to.Port())
}

// destination is the address of a target in the family of a source, which a header has
// for both. An address of the other one is unspecified.
func destination(target net.Addr, source netip.Addr) netip.AddrPort {
	unspecified := netip.IPv6Unspecified()
	if source.Is4() {
		unspecified = netip.IPv4Unspecified()
	}
	tcp, ok := target.(*net.TCPAddr)
	if !ok {
		return netip.AddrPortFrom(unspecified, 0)
	}
	to := tcp.AddrPort()
	if ip := to.Addr().Unmap().WithZone(""); ip.Is4() == source.Is4() {
		return netip.AddrPortFrom(ip, to.Port())
	}
	return netip.AddrPortFrom(unspecified, to.Port())
}
