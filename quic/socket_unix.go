//go:build unix

package quic

import (
	"syscall"

	"golang.org/x/sys/unix"
)

// ends are errors of something that is no socket any more.
var ends = []syscall.Errno{unix.EBADF, unix.ENOTSOCK}

// refusals are why a system does not send a packet. The firewall says EPERM, and
// so does Linux when its table of connections is full.
var refusals = []syscall.Errno{unix.ENOBUFS, unix.ENOMEM, unix.EPERM}

// tooLong says of a packet, not always of the one that is written, that it was too
// long.
const tooLong = unix.EMSGSIZE
