//go:build unix

package discovery

import (
	"context"
	"os/exec"
	"syscall"
)

// shell returns a command line that the shell runs. When the context ends it is killed
// with all that it has started.
func shell(ctx context.Context, line string) *exec.Cmd {
	c := exec.CommandContext(ctx, "/bin/sh", "-c", line)
	c.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	c.Cancel = func() error { return syscall.Kill(-c.Process.Pid, syscall.SIGKILL) }
	return c
}
