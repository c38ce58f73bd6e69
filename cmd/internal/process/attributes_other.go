//go:build !linux

package process

import "syscall"

// attributes are the defaults: the system cannot end a process with its parent.
func attributes() *syscall.SysProcAttr { return nil }
