package quic

import (
	"encoding/binary"
	"net"
	"os/exec"
	"runtime"
	"sync/atomic"
	"testing"

	"golang.org/x/net/ipv4"
	"golang.org/x/sys/unix"

	"github.com/project-iris/iris/transport/identity/identitytest"
)

// ownNetwork gives the goroutine of a test a network namespace of its own, with a
// loopback interface, or skips the test. The thread ends with the goroutine.
func ownNetwork(t *testing.T) {
	t.Helper()
	runtime.LockOSThread()
	if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
		t.Skipf("only root can make network namespaces: %v", err)
	}
	if out, err := exec.Command("ip", "link", "set", "lo", "up").CombinedOutput(); err != nil {
		t.Skipf("network namespaces are set up with the command ip (iproute2): %v: %s", err, out)
	}
}

// message is ICMP about a packet that a socket sent.
type message struct{ kind, code byte }

func messages(kind byte, codes int) (all []message) {
	for code := range codes {
		all = append(all, message{kind, byte(code)})
	}
	return all
}

func join[T any](lists ...[]T) (all []T) {
	for _, list := range lists {
		all = append(all, list...)
	}
	return all
}

// TestNoMessageEndsASocket sends a socket each message of ICMP that there is about its
// packets, as anybody can who knows its address: destination unreachable, time
// exceeded and parameter problem (RFC 792, RFC 1812), and those of ICMPv6 (RFC 4443).
func TestNoMessageEndsASocket(t *testing.T) {
	rows := []struct {
		name, host, protocol string
		packet               func(from *net.UDPAddr) []byte
		messages             []message
		errors               int32 // how many of these the system tells the socket of, at the least
	}{
		{"IPv4", "127.0.0.1", "ip4:icmp", packet4, join(messages(3, 16), messages(11, 2), messages(12, 1)), 17},
		{"IPv6", "::1", "ip6:ipv6-icmp", packet6, join(messages(1, 7), messages(2, 1), messages(3, 2), messages(4, 3)), 12},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			ownNetwork(t)
			network := identitytest.NewNetwork(t, "messages")
			a, b := newTestTransport(t, network), newTestTransport(t, network)
			s, failed := countingSocket(t, a, net.JoinHostPort(row.host, "0"))
			l, err := a.Listen(t.Context(), s.udp.LocalAddr().String())
			if err != nil {
				t.Fatal(err)
			}
			stranger, err := net.ListenPacket(row.protocol, row.host)
			if err != nil {
				t.Fatal(err)
			}
			defer stranger.Close()
			for _, m := range row.messages {
				icmp := append([]byte{m.kind, m.code, 0, 0, 0, 0, 0x05, 0x78}, row.packet(s.udp.LocalAddr().(*net.UDPAddr))...)
				if row.host == "127.0.0.1" {
					binary.BigEndian.PutUint16(icmp[2:], checksum(icmp)) // of ICMPv6 the kernel does it
				}
				if _, err := stranger.WriteTo(icmp, &net.IPAddr{IP: net.ParseIP(row.host)}); err != nil {
					t.Fatal(err)
				}
				expectLink(t, b, l)
			}
			if got := failed.Load(); got < row.errors {
				t.Errorf("the socket has failed %d times, %d were expected", got, row.errors)
			}
		})
	}
}

// countingSocket is a socket for a listener that counts what it fails with, all of
// which has to be reports.
func countingSocket(t *testing.T, owner *Transport, addr string) (*socket, *atomic.Int32) {
	t.Helper()
	owner.mu.Lock()
	s, err := owner.openSocket(t.Context(), addr)
	owner.mu.Unlock()
	if err != nil {
		t.Fatal(err)
	}
	var failed atomic.Int32
	count := func(err error) {
		if err == nil || isEnd(err) {
			return
		}
		failed.Add(1)
		if !isReport(err) {
			t.Errorf("not known as a report: %v", err)
		}
	}
	read, write := s.conn.read, s.conn.write
	s.conn.read = func(messages []ipv4.Message, flags int) (int, error) {
		n, err := read(messages, flags)
		count(err)
		return n, err
	}
	s.conn.write = func(b, oob []byte, to *net.UDPAddr) (int, int, error) {
		n, oobn, err := write(b, oob, to)
		count(err)
		return n, oobn, err
	}
	return s, &failed
}

// packet4 is the head of a packet that a socket sent to port 9.
func packet4(from *net.UDPAddr) []byte {
	ip := []byte{0x45, 0, 0, 28, 0, 1, 0x40, 0, 64, unix.IPPROTO_UDP, 0, 0, 127, 0, 0, 1, 127, 0, 0, 1}
	binary.BigEndian.PutUint16(ip[10:], checksum(ip))
	return append(ip, udpHead(from)...)
}

func packet6(from *net.UDPAddr) []byte {
	ip := append([]byte{0x60, 0, 0, 0, 0, 8, unix.IPPROTO_UDP, 64}, net.IPv6loopback...)
	return append(append(ip, net.IPv6loopback...), udpHead(from)...)
}

func udpHead(from *net.UDPAddr) []byte {
	return []byte{byte(from.Port >> 8), byte(from.Port), 0, 9, 0, 8, 0, 0}
}

// checksum is that of RFC 1071.
func checksum(b []byte) uint16 {
	sum := uint32(0)
	for i := 0; i+1 < len(b); i += 2 {
		sum += uint32(binary.BigEndian.Uint16(b[i:]))
	}
	for sum>>16 != 0 {
		sum = sum&0xffff + sum>>16
	}
	return ^uint16(sum)
}
