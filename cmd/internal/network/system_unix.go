//go:build unix

package network

import (
	"os"
	"syscall"
)

// silence is the signal that stops a process; nil where there is none.
var silence os.Signal = syscall.SIGSTOP

// maxFiles returns how many files a process can have open. The runtime of Go raises the soft
// limit to the hard one.
func maxFiles() (most uint64, known bool) {
	var limit syscall.Rlimit
	err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit)
	return limit.Max, err == nil
}
