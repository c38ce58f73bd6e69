// Package peercred asks the kernel who is at the other end of a connection on this host: of a
// TCP connection over loopback by sock_diag(7), of one over a Unix socket by SO_PEERCRED
// (unix(7)). Linux tells; other systems are not asked.
package peercred

import "errors"

// ErrUnknown says that the kernel does not tell who is at the other end.
var ErrUnknown = errors.New("the system does not tell who is at the other end")

// ErrGone says that nobody is at the other end any more: its socket is closed.
var ErrGone = errors.New("the other end is closed already")

// Peer is who made the socket at the other end, or connected it.
type Peer struct {
	UID uint32
	// GID is the group of the process, for a Unix socket; HasGID says whether it is known.
	GID    uint32
	HasGID bool
	// PID is the process that connected a Unix socket, 0 if it is not known. It may have
	// ended since, and another process may have its number: it is for people to read, and
	// nothing may be decided by it.
	PID int

	inode uint32 // of the socket, for TCP; 0: not known
}
