//go:build !unix

package discovery

import (
	"context"
	"os/exec"
)

// shell returns a command line that the shell runs. When the context ends it is killed.
func shell(ctx context.Context, line string) *exec.Cmd {
	return exec.CommandContext(ctx, "cmd", "/C", line)
}
