package plugins

import (
	"os/exec"
	"syscall"
)

// isolate gives the process a group of its own, so that the terminal's Ctrl-C, which is
// for the node, does not reach it; and makes the kernel kill it when the node dies.
func isolate(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}
