package load

import (
	"syscall"
	"time"
)

// sleep waits in the kernel, which wakes within some tens of microseconds. The timers of
// Go wait in epoll_wait, to the next millisecond, when nothing else is to be done.
func sleep(d time.Duration) {
	left := syscall.NsecToTimespec(int64(d))
	for syscall.Nanosleep(&left, &left) == syscall.EINTR {
	}
}
