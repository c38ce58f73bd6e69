package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"syscall"
	"time"
)

// startTimeout and stopTimeout bound the start of a server, and its end.
const (
	startTimeout = 10 * time.Second
	stopTimeout  = 10 * time.Second
)

// process is a server.
type process struct {
	command *exec.Cmd
	lines   chan string // of its log
	ended   chan struct{}
}

// start starts a server of which the log is on standard error.
func start(dir, name string, args ...string) (*process, error) {
	p := &process{
		command: exec.Command(filepath.Join(dir, name), args...),
		lines:   make(chan string, 1000),
		ended:   make(chan struct{}),
	}
	log, err := p.command.StderrPipe()
	if err != nil {
		return nil, err
	}
	if err := p.command.Start(); err != nil {
		return nil, err
	}
	go p.read(log)
	return p, nil
}

// read passes the log on, until the server ends. Lines that do not fit are dropped.
func (p *process) read(log io.Reader) {
	lines := bufio.NewScanner(log)
	for lines.Scan() {
		select {
		case p.lines <- lines.Text():
		default:
		}
	}
	_ = p.command.Wait()
	close(p.ended)
}

// await waits for a line of the log, and returns the groups of the expression.
func (p *process) await(ctx context.Context, expression string) ([]string, error) {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	wanted := regexp.MustCompile(expression)
	var last string
	for {
		select {
		case last = <-p.lines:
			if found := wanted.FindStringSubmatch(last); found != nil {
				return found, nil
			}
		case <-p.ended:
			return nil, fmt.Errorf("%s has ended: %s", p.command.Path, last)
		case <-ctx.Done():
			return nil, fmt.Errorf("%s does not say %s, but: %s", p.command.Path, expression, last)
		}
	}
}

// stop ends the server, and waits for that.
func (p *process) stop() {
	_ = p.command.Process.Signal(syscall.SIGTERM)
	select {
	case <-p.ended:
	case <-time.After(stopTimeout):
		_ = p.command.Process.Kill()
		<-p.ended
	}
}

// resident returns the memory of the server in bytes, as Linux counts it (proc(5), VmRSS).
func (p *process) resident() (float64, error) {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.command.Process.Pid))
	if err != nil {
		return 0, err
	}
	for line := range bytes.Lines(status) {
		if value, ok := bytes.CutPrefix(line, []byte("VmRSS:")); ok {
			kilobytes, err := strconv.ParseFloat(string(bytes.Fields(value)[0]), 64)
			return kilobytes * 1024, err
		}
	}
	return 0, errors.New("the system does not tell what memory is resident")
}
