package process

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"regexp"
	"syscall"
	"time"
)

// Spec says what to run.
type Spec struct {
	Name string // in errors
	Path string // of the program
	Args []string
	// Env are its environment variables, NAME=VALUE. Default: those of this process.
	Env []string
	// Line is called with each line that the process writes, to standard output or standard
	// error, one at a time, if it is not nil. The process waits for it.
	Line func(line string)
}

// Process is a process that was started. Methods may be called by any goroutine.
type Process struct {
	Name    string
	command *exec.Cmd
	log     *log
	line    func(string)
	ended   chan struct{} // closed when it has ended
	err     error         // how; valid then
}

func newProcess(s Spec) *Process {
	p := &Process{Name: s.Name, command: exec.Command(s.Path, s.Args...), log: newLog(), line: s.Line, ended: make(chan struct{})}
	p.command.Env = s.Env
	p.command.SysProcAttr = attributes()
	return p
}

func (p *Process) start() error {
	said, err := p.command.StderrPipe()
	p.command.Stdout = p.command.Stderr
	if err == nil {
		err = p.command.Start()
	}
	if err != nil {
		return fmt.Errorf("cannot start %s: %w", p.Name, err)
	}
	go p.follow(said)
	return nil
}

// follow takes what the process says, and waits for its end.
func (p *Process) follow(said io.Reader) {
	defer close(p.ended)
	readLines(said, func(line string) {
		p.log.add(line)
		if p.line != nil {
			p.line(line)
		}
	})
	p.err = p.command.Wait()
}

// PID returns the number of the process.
func (p *Process) PID() int { return p.command.Process.Pid }

// Ended returns a channel that is closed when the process has ended.
func (p *Process) Ended() <-chan struct{} { return p.ended }

// ExitCode returns how a process has ended, -1 if by a signal. It may be called when it has ended.
func (p *Process) ExitCode() int { return p.command.ProcessState.ExitCode() }

// Signal sends a signal.
func (p *Process) Signal(s os.Signal) error { return p.command.Process.Signal(s) }

// Kill ends the process at once, if it has not ended, and waits for that.
func (p *Process) Kill() {
	_ = p.command.Process.Kill()
	<-p.ended
}

// Stop asks the process to end, waits for that, and kills it when it takes longer than a
// time.
func (p *Process) Stop(patience time.Duration) {
	_ = p.Signal(syscall.SIGTERM)
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case <-p.ended:
	case <-timer.C:
	}
	p.Kill()
}

// Await waits for a line of what the process says, later than the one that the last call has
// found, and returns the groups of the expression. One goroutine may wait at a time. Lines
// that nobody waits for are kept as far as [Process.Tail] says.
func (p *Process) Await(ctx context.Context, expression *regexp.Regexp) ([]string, error) {
	for {
		line, ok, news := p.log.next()
		if ok {
			if found := expression.FindStringSubmatch(line); found != nil {
				return found, nil
			}
			continue
		}
		select {
		case <-news:
		case <-p.ended:
			if !p.log.waiting() {
				return nil, p.Failed(fmt.Errorf("it does not say %s", expression))
			}
		case <-ctx.Done():
			return nil, p.Failed(fmt.Errorf("it does not say %s: %w", expression, context.Cause(ctx)))
		}
	}
}

// Failed says what went wrong with a process: which one it was, how it has ended if it has,
// and the last lines that it has written.
func (p *Process) Failed(err error) error {
	state := ""
	select {
	case <-p.ended:
		state = " has ended (" + p.command.ProcessState.String() + ")"
	default:
	}
	said := p.Tail()
	if said == "" {
		return fmt.Errorf("%s%s: %w; it has logged nothing", p.Name, state, err)
	}
	return fmt.Errorf("%s%s: %w; the end of its log:\n%s", p.Name, state, err, said)
}

// Tail returns the last lines, 10 at most, that the process has written. 256 are kept, each
// of 4 KiB at most.
func (p *Process) Tail() string { return p.log.tail() }
