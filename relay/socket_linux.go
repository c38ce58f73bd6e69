package relay

import "syscall"

// closedAtFirst has a socket be made for its owner alone: on Linux its file gets the mode that the
// socket has before it is bound.
func closedAtFirst(_, _ string, raw syscall.RawConn) error {
	var err error
	if failed := raw.Control(func(fd uintptr) { err = syscall.Fchmod(int(fd), 0o600) }); failed != nil {
		return failed
	}
	return err
}
