//go:build unix

package plugins

import (
	"os"
	"syscall"
)

// killGroup kills the group that the process leads.
func killGroup(leader *os.Process) { _ = syscall.Kill(-leader.Pid, syscall.SIGKILL) }
