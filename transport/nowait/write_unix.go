//go:build unix

package nowait

import "syscall"

const supported = true

// write writes to a descriptor, which does not block, and returns how much it took.
func write(fd uintptr, b []byte) int {
	n, err := syscall.Write(int(fd), b)
	if err != nil {
		return 0
	}
	return n
}
