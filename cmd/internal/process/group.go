package process

import (
	"errors"
	"os"
	"runtime"
	"sync"
)

// ErrClosed says that a group starts no more processes.
var ErrClosed = errors.New("the group of processes is closed")

// Group is processes that end with it. Methods may be called by any goroutine.
type Group struct {
	starts chan start    // to the thread that starts them
	closed chan struct{} // closed when no more are started
	ended  chan struct{} // closed when that thread is not needed any more
	once   sync.Once

	processes []*Process // of that thread
}

// start is a process to be started.
type start struct {
	process *Process
	result  chan error // holds one
}

// NewGroup returns a group without processes.
func NewGroup() *Group {
	g := &Group{starts: make(chan start), closed: make(chan struct{}), ended: make(chan struct{})}
	go g.run()
	return g
}

// run starts processes, all from one thread, which lives as long as they do: Linux ends them
// with the thread that has started them (prctl(2), PR_SET_PDEATHSIG).
func (g *Group) run() {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	defer close(g.ended)
	for {
		select {
		case s := <-g.starts:
			s.result <- g.start(s.process)
		case <-g.closed:
			g.kill()
			return
		}
	}
}

func (g *Group) start(p *Process) error {
	err := p.start()
	if err == nil {
		g.processes = append(g.processes, p)
	}
	return err
}

// kill ends all processes, and waits for them.
func (g *Group) kill() {
	for _, p := range g.processes {
		_ = p.Signal(os.Kill)
	}
	for _, p := range g.processes {
		<-p.ended
	}
}

// Start starts a process. It fails with [ErrClosed] when the group is closed, and with the
// errors of os/exec.
func (g *Group) Start(s Spec) (*Process, error) {
	p := newProcess(s)
	result := make(chan error, 1)
	select {
	case g.starts <- start{p, result}:
	case <-g.closed:
		return nil, ErrClosed
	}
	if err := <-result; err != nil {
		return nil, err
	}
	return p, nil
}

// Close kills the processes that still run, and returns when all have ended.
func (g *Group) Close() {
	g.once.Do(func() { close(g.closed) })
	<-g.ended
}
