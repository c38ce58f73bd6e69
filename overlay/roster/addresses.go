package roster

import (
	"bytes"
	"math/bits"
	"net/netip"
	"slices"
	"strings"

	"github.com/project-iris/iris/overlay/wire"
	"github.com/project-iris/iris/transport"
)

// addressRoom is how many bytes of addresses a node tells as text: about three with two
// transports. More of them are told in less room, as 16 of IPv6 would not fit what
// membership carries.
const addressRoom = 160

// PutAddresses puts a list of addresses, as transports dial them, into what a node tells about
// itself, which may have so many bytes, and returns how many there is no room for: the last
// ones. One that is too long alone stays.
func PutAddresses(info *wire.Info, list string, limit int) (left int) {
	full := false // what follows is not as text, so that the order stays
	for addr := range strings.SplitSeq(list, ",") {
		full = full || len(info.Address)+1+len(addr) > addressRoom
		at, isIP := endpointOf(addr)
		switch {
		case !full || !isIP:
			info.Address = appendAddress(info.Address, addr)
		case !at.put(info):
			left++
		}
	}
	for info.Size() > limit {
		cut := bytes.LastIndexByte(info.Address, ',')
		switch last := len(info.Hosts) - 1; {
		case last >= 0:
			left += bits.OnesCount8(info.Hosts[last].Services)
			info.Hosts = info.Hosts[:last]
		case cut > 0:
			left++
			info.Address = info.Address[:cut]
		default:
			return left
		}
	}
	return left
}

func appendAddress(list []byte, addr string) []byte {
	if len(list) > 0 {
		list = append(list, ',')
	}
	return append(list, addr...)
}

// endpoint is an address that services and hosts can have.
type endpoint struct {
	scheme string
	ip     netip.Addr
	port   uint16
}

// endpointOf reads an address, and reports whether it is an endpoint: not if it is no IP
// address, or has a zone.
func endpointOf(addr string) (endpoint, bool) {
	scheme, rest := transport.SplitAddr(addr)
	at, err := netip.ParseAddrPort(rest)
	return endpoint{scheme, at.Addr(), at.Port()}, err == nil && scheme != "" && at.Addr().Zone() == ""
}

// put adds the endpoint to the services and hosts of an info, and reports whether there was
// room.
func (e endpoint) put(info *wire.Info) bool {
	service := slices.IndexFunc(info.Services, func(s wire.Service) bool {
		return string(s.Scheme) == e.scheme && s.Port == uint64(e.port)
	})
	host := slices.IndexFunc(info.Hosts, func(h wire.Host) bool { return bytes.Equal(h.IP, e.ip.AsSlice()) })
	if service < 0 && len(info.Services) == wire.MaxServices || host < 0 && len(info.Hosts) == wire.MaxHosts {
		return false
	}
	if service < 0 {
		service = len(info.Services)
		info.Services = append(info.Services, wire.Service{Scheme: []byte(e.scheme), Port: uint64(e.port)})
	}
	if host < 0 {
		host = len(info.Hosts)
		info.Hosts = append(info.Hosts, wire.Host{IP: e.ip.AsSlice()})
	}
	info.Hosts[host].Services |= 1 << service
	return true
}

// AddressesOf returns the addresses in what a node tells about itself, as transports dial them.
// What cannot be one is left out.
func AddressesOf(info *wire.Info) string {
	list := bytes.Clone(info.Address)
	for _, h := range info.Hosts {
		ip, ok := netip.AddrFromSlice(h.IP)
		for i, s := range info.Services {
			if ok && h.Services&(1<<i) != 0 && isScheme(s.Scheme) && s.Port <= 65535 {
				at := netip.AddrPortFrom(ip, uint16(s.Port))
				list = appendAddress(list, transport.JoinAddr(string(s.Scheme), at.String()))
			}
		}
	}
	return string(list)
}

// isScheme reports whether a text can name a transport.
func isScheme(s []byte) bool {
	return len(s) > 0 && !bytes.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r > '~' || r == ',' || r == ':' || r == '/' })
}
