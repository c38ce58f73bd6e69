package beacon

import (
	"errors"
	"syscall"
)

// reuse lets several sockets have the port, each of which gets what is sent to a group or
// broadcast.
func reuse(_, _ string, conn syscall.RawConn) error {
	var failed error
	err := conn.Control(func(fd uintptr) {
		failed = syscall.SetsockoptInt(syscall.Handle(fd), syscall.SOL_SOCKET, syscall.SO_REUSEADDR, 1)
	})
	return errors.Join(err, failed)
}
