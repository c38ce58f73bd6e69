package main

import (
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"golang.org/x/sys/unix"
)

// self is this program, whatever has become of its file.
const self = "/proc/self/exe"

// asInit does the work of process 1 if this is it, as in a container: the kernel gives it
// all processes whose parent has ended, and somebody has to wait for them. The program
// itself runs as a child then, so that whoever starts a process there is the only one that
// waits for it. Its exit code is returned when it has ended; with it end all others.
func asInit() (code int, ended bool) {
	if os.Getpid() != 1 {
		return 0, false
	}
	signals := make(chan os.Signal, 16)
	signal.Notify(signals, forwarded...)
	child, err := startChild()
	if err != nil {
		fmt.Fprintf(os.Stderr, "iris: runs as process 1 without anybody to reap orphans: %v\n", err)
		signal.Reset(forwarded...)
		return 0, false
	}
	go func() { // ends with the process
		for s := range signals {
			_ = syscall.Kill(child, s.(syscall.Signal))
		}
	}()
	return reap(child), true
}

// forwarded are the signals that whoever runs a container sends to process 1.
var forwarded = []os.Signal{
	syscall.SIGHUP, syscall.SIGINT, syscall.SIGQUIT, syscall.SIGABRT, syscall.SIGTERM,
	syscall.SIGUSR1, syscall.SIGUSR2, syscall.SIGCONT,
}

// startChild starts the program once more, with all that this one was given. It has a
// process group of its own, or Ctrl-C would reach it twice: from the terminal, and
// forwarded. If this one may read from the terminal the child may instead.
func startChild() (pid int, err error) {
	attr := &syscall.SysProcAttr{Setpgid: true}
	if group, err := unix.IoctlGetInt(0, unix.TIOCGPGRP); err == nil && group == syscall.Getpgrp() {
		attr.Foreground = true // of the terminal at descriptor Ctty, which is 0
	}
	return syscall.ForkExec(self, os.Args, &syscall.ProcAttr{
		Env: os.Environ(), Files: []uintptr{0, 1, 2}, Sys: attr,
	})
}

// reap waits for processes until the child has ended, and returns its exit code: 128 and
// the number of the signal if one has ended it, as shells have it.
func reap(child int) int {
	for {
		var status syscall.WaitStatus
		pid, err := syscall.Wait4(-1, &status, 0, nil)
		switch {
		case err == syscall.EINTR, err == nil && pid != child:
		case err != nil:
			fmt.Fprintf(os.Stderr, "iris: process 1 cannot wait for others: %v\n", err)
			return exitFailed
		case status.Signaled():
			return 128 + int(status.Signal())
		default:
			return status.ExitStatus()
		}
	}
}
