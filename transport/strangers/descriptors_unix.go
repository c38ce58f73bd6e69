//go:build unix

package strangers

import (
	"math"
	"net"
	"syscall"
)

// Descriptors returns how many files and connections this process may have open, and
// [math.MaxInt] where nothing bounds them.
func Descriptors() int {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil || uint64(limit.Cur) > math.MaxInt32 {
		return math.MaxInt
	}
	return int(limit.Cur)
}

// descriptor returns the number that a connection has in this process, and -1 if it has none.
func descriptor(conn net.Conn) int {
	number := -1
	if c, ok := conn.(syscall.Conn); ok {
		if raw, err := c.SyscallConn(); err == nil {
			_ = raw.Control(func(fd uintptr) { number = int(fd) })
		}
	}
	return number
}
