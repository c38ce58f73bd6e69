//go:build !unix

package plugins

import (
	"os"
	"os/exec"
)

// isolate has nothing to do: a plugin ends when its standard input does.
func isolate(*exec.Cmd) {}

// killGroup has no groups.
func killGroup(*os.Process) {}
