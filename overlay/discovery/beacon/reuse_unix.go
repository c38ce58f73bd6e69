//go:build unix

package beacon

import (
	"errors"
	"runtime"
	"syscall"

	"golang.org/x/sys/unix"
)

// reuse lets several sockets have the port. Linux hands each of them what is sent to a
// group or broadcast; the BSDs want another option for that.
func reuse(_, _ string, conn syscall.RawConn) error {
	var failed error
	err := conn.Control(func(fd uintptr) {
		failed = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_REUSEADDR, 1)
		if runtime.GOOS != "linux" {
			failed = errors.Join(failed, unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_REUSEPORT, 1))
		}
	})
	return errors.Join(err, failed)
}
