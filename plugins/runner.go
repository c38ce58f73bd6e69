package plugins

import (
	"context"
	"errors"
	"io"
	"os/exec"
	"runtime"
	"strings"
	"sync"

	"github.com/hashicorp/go-plugin/runner"
)

// A programRunner starts a process for go-plugin, whose own way of doing so passes the
// standard input of the node on, and cannot end while a child of the plugin lives.
type programRunner struct {
	cmd *exec.Cmd
	log *lineLog
	dir string // for sockets; of this process alone

	mu      sync.Mutex
	process *process
	stopped bool
}

var _ runner.Runner = (*programRunner)(nil)

var errStopped = errors.New("stopped before it began")

// Start starts the process.
func (r *programRunner) Start(context.Context) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.stopped {
		return errStopped
	}
	var err error
	r.process, err = startProcess(r.cmd, r.log)
	return err
}

// started returns the process, or nil.
func (r *programRunner) started() *process {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.process
}

// Wait waits for the end of the process.
func (r *programRunner) Wait(context.Context) error {
	p := r.started()
	if p == nil {
		return nil
	}
	<-p.done
	return p.err
}

// Kill kills the process, now or as soon as it would be started.
func (r *programRunner) Kill(context.Context) error {
	r.mu.Lock()
	r.stopped = true
	r.mu.Unlock()
	if p := r.started(); p != nil {
		p.kill()
	}
	return nil
}

// Stdout is where the plugin says where it listens.
func (r *programRunner) Stdout() io.ReadCloser { return r.started().stdout }

// Stderr is empty: the process sees to it.
func (r *programRunner) Stderr() io.ReadCloser { return io.NopCloser(strings.NewReader("")) }

// Name is the program.
func (r *programRunner) Name() string { return r.cmd.Path }

// ID is never empty, or go-plugin would not clean up.
func (r *programRunner) ID() string { return r.cmd.Path }

// Diagnose has nothing to add.
func (r *programRunner) Diagnose(context.Context) string { return "" }

// PluginToHost checks where the plugin says that it listens.
func (r *programRunner) PluginToHost(network, address string) (string, string, error) {
	at := socket{network, address}
	return network, address, at.check(runtime.GOOS, r.dir)
}

// HostToPlugin is not used.
func (r *programRunner) HostToPlugin(network, address string) (string, string, error) {
	return network, address, nil
}
