package peercred

import (
	"encoding/binary"
	"fmt"
	"net"
	"net/netip"
	"time"

	"golang.org/x/sys/unix"
)

// timeout bounds the wait for the kernel, which answers at once.
const timeout = 5 * time.Second

// What linux/inet_diag.h and linux/sock_diag.h say, in bytes. Ports and addresses are in the
// order of the network, all else in that of the machine.
const (
	byFamily      = 20                // SOCK_DIAG_BY_FAMILY
	socketID      = 2 + 2 + 16*2 + 12 // inet_diag_sockid: ports, addresses, interface, cookie
	requestLength = unix.NLMSG_HDRLEN + 8 + socketID
	answerLength  = unix.NLMSG_HDRLEN + 4 + socketID + 20 // inet_diag_msg
	established   = 1                                     // TCP_ESTABLISHED
)

// ends are the two ends of a connection: ours is the one of the socket that is looked for.
type ends struct{ ours, theirs netip.AddrPort }

// ofTCP asks for the socket whose own address is what conn sees as the other end.
//
// The kernel would also tell of a socket that merely listens at that port, or of what is left
// of one that was closed, for which it says user 0, root. So only an established one with an
// inode counts: the inode goes when a socket is closed, and the kernel reads the user before it.
func ofTCP(conn *net.TCPConn) (Peer, error) {
	near, ok1 := conn.LocalAddr().(*net.TCPAddr)
	far, ok2 := conn.RemoteAddr().(*net.TCPAddr)
	if !ok1 || !ok2 {
		return Peer{}, ErrGone
	}
	e := ends{ours: unmap(far.AddrPort()), theirs: unmap(near.AddrPort())}
	if !e.ours.Addr().IsLoopback() || !e.theirs.Addr().IsLoopback() {
		return Peer{}, fmt.Errorf("%w: %v is not on loopback", ErrUnknown, e.ours)
	}
	answer, err := ask(e.request())
	if err != nil {
		return Peer{}, err
	}
	p, err := e.read(answer)
	if err == nil && !isEstablished(conn) {
		err = ErrGone
	}
	return p, err
}

// isEstablished reports whether this end of a connection is that of one which neither end has
// closed. What has come by one that was reset can be read still, while its port at the other end
// may be somebody else's. As long as this end is established, the kernel has no other connection
// between the two.
func isEstablished(conn *net.TCPConn) bool {
	raw, err := conn.SyscallConn()
	if err != nil {
		return false
	}
	is := false
	err = raw.Control(func(fd uintptr) {
		info, err := unix.GetsockoptTCPInfo(int(fd), unix.IPPROTO_TCP, unix.TCP_INFO)
		is = err == nil && info.State == established
	})
	return err == nil && is
}

// unmap makes an IPv4 address of one that is written as IPv6, and drops the zone.
func unmap(a netip.AddrPort) netip.AddrPort {
	return netip.AddrPortFrom(a.Addr().Unmap().WithZone(""), a.Port())
}

// request is a netlink message that asks for the socket.
func (e ends) request() []byte {
	b := make([]byte, requestLength)
	binary.NativeEndian.PutUint32(b, requestLength)
	binary.NativeEndian.PutUint16(b[4:], byFamily)
	binary.NativeEndian.PutUint16(b[6:], unix.NLM_F_REQUEST)
	body := b[unix.NLMSG_HDRLEN:]
	body[0] = unix.AF_INET
	if e.ours.Addr().Is6() {
		body[0] = unix.AF_INET6
	}
	body[1] = unix.IPPROTO_TCP
	binary.NativeEndian.PutUint32(body[4:], 1<<established)
	id := body[8:]
	binary.BigEndian.PutUint16(id, e.ours.Port())
	binary.BigEndian.PutUint16(id[2:], e.theirs.Port())
	copy(id[4:20], e.ours.Addr().AsSlice())
	copy(id[20:36], e.theirs.Addr().AsSlice())
	for i := 40; i < 48; i++ { // any cookie
		id[i] = 0xff
	}
	return b
}

// ask sends a message to the kernel and returns its answer.
func ask(request []byte) ([]byte, error) {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.NETLINK_SOCK_DIAG)
	if err != nil {
		return nil, fmt.Errorf("%w: sock_diag: %w", ErrUnknown, err)
	}
	defer unix.Close(fd)
	limit := unix.NsecToTimeval(timeout.Nanoseconds())
	_ = unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &limit)
	kernel := &unix.SockaddrNetlink{Family: unix.AF_NETLINK}
	if err := unix.Sendto(fd, request, 0, kernel); err != nil {
		return nil, fmt.Errorf("%w: sock_diag: %w", ErrUnknown, err)
	}
	answer := make([]byte, 4096)
	for {
		n, from, err := unix.Recvfrom(fd, answer, 0)
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("%w: sock_diag: %w", ErrUnknown, err)
		}
		if sender, ok := from.(*unix.SockaddrNetlink); ok && sender.Pid == 0 { // else it is no word of the kernel
			return answer[:n], nil
		}
	}
}

// read takes the user out of an answer, if it is about the socket that was asked for.
func (e ends) read(b []byte) (Peer, error) {
	if len(b) < unix.NLMSG_HDRLEN+4 {
		return Peer{}, fmt.Errorf("%w: %w", ErrUnknown, errNoAnswer)
	}
	body := b[unix.NLMSG_HDRLEN:]
	switch kind := binary.NativeEndian.Uint16(b[4:]); {
	case kind == unix.NLMSG_ERROR:
		errno := unix.Errno(-int32(binary.NativeEndian.Uint32(body)))
		if errno == unix.ENOENT {
			return Peer{}, ErrGone
		}
		return Peer{}, fmt.Errorf("%w: sock_diag: %w", ErrUnknown, errno)
	case kind != byFamily || len(b) < answerLength:
		return Peer{}, fmt.Errorf("%w: %w", ErrUnknown, errNoAnswer)
	}
	state, id, rest := body[1], body[4:], body[4+socketID:]
	found := ends{
		ours:   address(body[0], id[4:20], binary.BigEndian.Uint16(id)),
		theirs: address(body[0], id[20:36], binary.BigEndian.Uint16(id[2:])),
	}
	uid, inode := binary.NativeEndian.Uint32(rest[12:]), binary.NativeEndian.Uint32(rest[16:])
	if state != established || inode == 0 || found != e {
		return Peer{}, ErrGone
	}
	return Peer{UID: uid, inode: inode}, nil
}

func address(family byte, b []byte, port uint16) netip.AddrPort {
	if family == unix.AF_INET {
		return netip.AddrPortFrom(netip.AddrFrom4([4]byte(b[:4])), port)
	}
	return unmap(netip.AddrPortFrom(netip.AddrFrom16([16]byte(b)), port))
}
