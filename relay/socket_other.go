//go:build !linux

package relay

import "syscall"

// closedAtFirst does nothing: a directory that is closed to others keeps them out while the mode of
// the socket is set.
func closedAtFirst(_, _ string, _ syscall.RawConn) error { return nil }
