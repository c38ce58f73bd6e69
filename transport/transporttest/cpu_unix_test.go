//go:build unix

package transporttest_test

import (
	"syscall"
	"time"
)

// cpuTime is what the process has used of the processors, both ends of the
// flow taken together. Unlike the time on the clock it hardly depends on what
// else the machine does.
func cpuTime() time.Duration {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		return 0
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}
