//go:build unix

package node

import (
	"math"
	"syscall"
)

// descriptors returns how many descriptors this process may have, zero if that is not known.
func descriptors() int {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return 0
	}
	return int(min(uint64(limit.Cur), math.MaxInt32))
}
