//go:build unix && !linux

package plugins

import (
	"os/exec"
	"syscall"
)

// isolate gives the process a group of its own, so that the terminal's Ctrl-C, which is
// for the node, does not reach it.
func isolate(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
}
