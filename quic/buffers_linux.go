package quic

import (
	"net"
	"syscall"
)

const bufferAdvice = "sysctl -w net.core.rmem_max=7340032 net.core.wmem_max=7340032"

// bufferSizes is how large a socket's buffers are, in bytes; 0 where it cannot
// be told. Linux counts its own bookkeeping in, and so reports twice of what it
// was asked for.
func bufferSizes(conn *net.UDPConn) (receive, send int) {
	raw, err := conn.SyscallConn()
	if err != nil {
		return 0, 0
	}
	_ = raw.Control(func(fd uintptr) {
		receive, _ = syscall.GetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_RCVBUF)
		send, _ = syscall.GetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_SNDBUF)
	})
	return receive, send
}
