package plugins

import (
	"context"
	"io"
	"os"
	"os/exec"
	"runtime"
	"time"
)

const (
	// grace is how long a plugin has to end by itself.
	grace = 3 * time.Second
	// tail is how long the last words of a process may take to be read. Usually they are
	// there already; but a child of it may hold the pipe open.
	tail = time.Second
)

// A process is a program that runs.
type process struct {
	cmd    *exec.Cmd
	stdin  *os.File // our end of the pipe: closing it asks the plugin to end
	stdout *stdout
	stderr *os.File
	logged chan struct{} // closed when standard error has been read

	exited context.Context // ends with the process
	end    context.CancelFunc
	err    error         // how it has ended, when that has
	done   chan struct{} // closed when its output has been read too
}

// startProcess runs a command, whose standard error goes to the log.
func startProcess(cmd *exec.Cmd, log *lineLog) (*process, error) {
	p := &process{cmd: cmd, logged: make(chan struct{}), done: make(chan struct{})}
	p.exited, p.end = context.WithCancel(context.Background())
	theirs, err := p.openPipes()
	if err != nil {
		return nil, err
	}
	go func() {
		defer close(p.logged)
		_, _ = io.Copy(log, slowly(p.exited, p.stderr))
		log.flush()
	}()
	started := make(chan error, 1)
	go p.run(started)
	err = <-started
	closeAll(theirs)
	if err != nil {
		p.stdout.finish()
		<-p.done
		return nil, err
	}
	return p, nil
}

// openPipes makes the standard streams, and returns the other ends of the pipes.
func (p *process) openPipes() (theirs []*os.File, err error) {
	var ends []*os.File // of three pipes: what is read, what is written
	for range 3 {
		read, write, err := os.Pipe()
		if err != nil {
			closeAll(ends)
			return nil, err
		}
		ends = append(ends, read, write)
	}
	p.stdin, p.stdout, p.stderr = ends[1], newStdout(p.exited, ends[2]), ends[4]
	p.cmd.Stdin, p.cmd.Stdout, p.cmd.Stderr = ends[0], ends[3], ends[5]
	return []*os.File{ends[0], ends[3], ends[5]}, nil
}

func closeAll(files []*os.File) {
	for _, file := range files {
		_ = file.Close()
	}
}

// run starts the process and waits for it, on one thread: on Linux the kernel kills the
// process when the thread that has started it ends (PR_SET_PDEATHSIG in prctl(2)).
func (p *process) run(started chan<- error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	defer close(p.done)
	isolate(p.cmd)
	err := p.cmd.Start()
	started <- err
	if err == nil {
		p.err = p.cmd.Wait()
		killGroup(p.cmd.Process)
	}
	p.end()
	limit := time.Now().Add(tail)
	_ = p.stdout.file.SetReadDeadline(limit)
	_ = p.stderr.SetReadDeadline(limit)
	<-p.logged
	select {
	case <-p.stdout.finished:
	case <-time.After(time.Until(limit)): // nobody reads it any more
	}
	closeAll([]*os.File{p.stdin, p.stdout.file, p.stderr})
}

// stop asks the process to end, and kills it if it does not.
func (p *process) stop() {
	_ = p.stdin.Close()
	select {
	case <-p.exited.Done():
	case <-time.After(grace):
		p.kill()
	}
	<-p.done
}

// kill ends the process at once, and all that it has started and that is in its group.
func (p *process) kill() {
	if p.exited.Err() == nil {
		killGroup(p.cmd.Process)
		_ = p.cmd.Process.Kill()
	}
}
