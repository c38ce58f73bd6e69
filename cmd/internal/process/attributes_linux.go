package process

import "syscall"

// attributes have a process killed with the thread that has started it. It has a process
// group of its own, or Ctrl-C would reach it from the terminal as well.
func attributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true}
}
