//go:build unix

package strangers

import (
	"math"
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
