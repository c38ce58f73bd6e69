package peercred

import (
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// Of says who is at the other end of a connection.
//
// It is who made the socket, for TCP, and who connected it, for a Unix socket; what the process
// becomes later, and to whom it gives the socket, changes nothing. An error is [ErrGone], or
// wraps [ErrUnknown].
func Of(conn net.Conn) (Peer, error) {
	var p Peer
	var err error
	switch conn := conn.(type) {
	case *net.UnixConn:
		p, err = ofUnix(conn)
	case *net.TCPConn:
		p, err = ofTCP(conn)
	default:
		err = fmt.Errorf("%w: a %T is no socket of this host", ErrUnknown, conn)
	}
	if err != nil {
		return Peer{}, err
	}
	if p.UID == overflowUID() {
		return Peer{}, fmt.Errorf("%w: its user is none of this user namespace", ErrUnknown)
	}
	return p, nil
}

func ofUnix(conn *net.UnixConn) (Peer, error) {
	raw, err := conn.SyscallConn()
	if err != nil {
		return Peer{}, ErrGone
	}
	var cred *unix.Ucred
	var asked error
	var closed bool
	if err := raw.Control(func(fd uintptr) {
		cred, asked = unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED)
		state := []unix.PollFd{{Fd: int32(fd)}}
		_, err := unix.Poll(state, 0)
		closed = err == nil && state[0].Revents&unix.POLLHUP != 0
	}); err != nil {
		return Peer{}, ErrGone
	}
	if asked != nil {
		return Peer{}, fmt.Errorf("%w: SO_PEERCRED: %w", ErrUnknown, asked)
	}
	if closed {
		return Peer{}, ErrGone
	}
	return Peer{UID: cred.Uid, GID: cred.Gid, HasGID: true, PID: int(cred.Pid)}, nil
}

// Check reports whether the kernel tells who is at the other end of a TCP connection, by asking
// it for one that this process makes.
func Check() error {
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		return err
	}
	defer l.Close()
	_ = l.(*net.TCPListener).SetDeadline(time.Now().Add(timeout))
	near, err := net.Dial("tcp4", l.Addr().String())
	if err != nil {
		return err
	}
	defer near.Close()
	far, err := l.Accept()
	if err != nil {
		return err
	}
	defer far.Close()
	if far.RemoteAddr().String() != near.LocalAddr().String() {
		return nil // somebody else was faster; the kernel was not asked, and sessions will
	}
	p, err := Of(far)
	if err == nil && int(p.UID) != os.Geteuid() {
		err = fmt.Errorf("%w: it says user %d of a socket that user %d has made", ErrUnknown, p.UID, os.Geteuid())
	}
	return err
}

// overflowUID is the user that the kernel names in place of one that has no number in the user
// namespace of this process: whoever has it may be anybody. Where every user has a number it is
// a user as any other, and 2^32-1, which no user has, is returned.
var overflowUID = sync.OnceValue(func() uint32 {
	const nobody = ^uint32(0)
	mapping, err := os.ReadFile("/proc/self/uid_map")
	if err != nil || strings.Join(strings.Fields(string(mapping)), " ") == "0 0 4294967295" {
		return nobody
	}
	text, err := os.ReadFile("/proc/sys/kernel/overflowuid")
	if err != nil {
		return 65534 // since Linux 2.4
	}
	uid, err := strconv.ParseUint(strings.TrimSpace(string(text)), 10, 32)
	if err != nil {
		return 65534
	}
	return uint32(uid)
})

// maxProcesses is how many processes are looked at for a socket.
const maxProcesses = 10_000

// Process returns a process that has the socket at the other end, 0 if none is found. For TCP
// it looks through those of the host that it may look into, so it is nothing for each message.
// It is for people to read: see [Peer.PID].
func (p Peer) Process() int {
	if p.PID != 0 || p.inode == 0 {
		return p.PID
	}
	processes, err := os.Open("/proc")
	if err != nil {
		return 0
	}
	defer processes.Close()
	names, _ := processes.Readdirnames(maxProcesses)
	target := fmt.Sprintf("socket:[%d]", p.inode)
	for _, name := range names {
		if pid, err := strconv.Atoi(name); err == nil && hasDescriptor(pid, target) {
			return pid
		}
	}
	return 0
}

func hasDescriptor(pid int, target string) bool {
	dir := fmt.Sprintf("/proc/%d/fd", pid)
	open, err := os.Open(dir)
	if err != nil {
		return false
	}
	defer open.Close()
	names, _ := open.Readdirnames(maxProcesses)
	for _, name := range names {
		if link, err := os.Readlink(dir + "/" + name); err == nil && link == target {
			return true
		}
	}
	return false
}

var errNoAnswer = errors.New("the kernel does not answer")
