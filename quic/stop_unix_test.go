//go:build unix

package quic_test

import "syscall"

// stop makes the process do nothing any more, until it is killed.
func (p *process) stop() error { return p.command.Process.Signal(syscall.SIGSTOP) }
