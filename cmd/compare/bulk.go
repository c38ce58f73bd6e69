package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/project-iris/iris/cmd/internal/load"
	"github.com/project-iris/iris/cmd/internal/process"
)

// bulkCommand is the argument, before an errand as JSON, with which this program is the other
// applications that requests are beside: in one process with those that ask, they would take
// turns with them there, and not only on the servers.
const bulkCommand = "bulk"

// errand is what the process does.
type errand struct {
	NATS             bool // it attaches to NATS, and not to Iris
	Workload         load.Workload
	Size, InFlight   int
	Caller           int   // port
	Services         []int // ports
	Warmup, Duration time.Duration
}

// What the process says: that all have attached, after which it waits for goSignal, and what
// it has found.
const (
	attachedLine = "attached\n"
	foundLine    = "found %s\n"
	goSignal     = syscall.SIGUSR1
)

// errBulk begins what is wrong with that process.
var errBulk = errors.New("the other applications")

// runBulk is this program as such a process.
func runBulk(ctx context.Context, args []string) error {
	e, err := parseErrand(args)
	if err != nil {
		return err
	}
	var system load.System = load.Iris{}
	if e.NATS {
		system = natsSystem{}
	}
	begin := make(chan os.Signal, 1)
	signal.Notify(begin, goSignal)
	r, err := load.Run(ctx, system, load.Config{
		Workload: e.Workload, Size: e.Size, InFlight: e.InFlight, Callers: []int{e.Caller}, Services: e.Services,
		Warmup: e.Warmup, Duration: e.Duration,
		Ready: func() {
			fmt.Fprint(os.Stdout, attachedLine)
			<-begin
		},
	})
	if err != nil {
		return err
	}
	text, err := json.Marshal(r)
	if err != nil {
		return err
	}
	fmt.Fprintf(os.Stdout, foundLine, text)
	return nil
}

func parseErrand(args []string) (e errand, err error) {
	if len(args) != 1 {
		return e, fmt.Errorf("%w have %d errands, and want one", errBulk, len(args))
	}
	if err := json.Unmarshal([]byte(args[0]), &e); err != nil {
		return e, fmt.Errorf("%w have an errand %q: %w", errBulk, args[0], err)
	}
	return e, nil
}

// errand is what other applications of the network are to do.
func (n *network) errand(config load.Config) (string, error) {
	_, isNATS := n.System.(natsSystem)
	text, err := json.Marshal(errand{
		NATS: isNATS, Workload: config.Workload, Size: config.Size, InFlight: config.InFlight,
		Caller: config.Callers[0], Services: config.Services, Warmup: config.Warmup, Duration: config.Duration,
	})
	return string(text), err
}

// bulkRun is the process while it runs.
type bulkRun struct {
	process *process.Process
	failed  error // of its start, by begin
}

// startBulk starts the process, and returns when all have attached.
func (n *network) startBulk(ctx context.Context, config load.Config) (*bulkRun, error) {
	text, err := n.errand(config)
	if err != nil {
		return nil, err
	}
	program, err := os.Executable()
	if err != nil {
		return nil, err
	}
	p, err := n.group.Start(process.Spec{Name: "other applications", Path: program, Args: []string{bulkCommand, text}})
	if err != nil {
		return nil, err
	}
	_, err = await(ctx, p, "^"+strings.TrimSpace(attachedLine)+"$")
	return &bulkRun{process: p}, err
}

// begin has the load run.
func (b *bulkRun) begin() { b.failed = b.process.Signal(goSignal) }

// result returns what the process has found, when it has ended.
func (b *bulkRun) result(ctx context.Context) (r load.Result, err error) {
	if b.failed != nil {
		return r, b.process.Failed(b.failed)
	}
	found, err := await(ctx, b.process, "^"+fmt.Sprintf(strings.TrimSpace(foundLine), "(.*)")+"$")
	if err != nil {
		return r, err
	}
	if err := json.Unmarshal([]byte(found[1]), &r); err != nil {
		return r, fmt.Errorf("%w say %q: %w", errBulk, found[1], err)
	}
	return r, r.Err()
}
