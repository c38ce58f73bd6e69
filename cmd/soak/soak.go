package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"sync"
	"time"

	"github.com/project-iris/iris/cmd/internal/process"
	"github.com/project-iris/iris/cmd/internal/witness"
	"github.com/project-iris/iris/relay/client"
)

// What there is, and how often it is looked at, or changes.
const (
	nodes    = 3
	perNode  = 2 // applications
	sampled  = 5 * time.Second
	visited  = time.Second
	replaced = 20 * time.Second // and the third node is started again 5 s later
	away     = 5 * time.Second
)

var pace = witness.Pace{
	Request: 50 * time.Millisecond, Message: 100 * time.Millisecond,
	Tunnel: 500 * time.Millisecond, Stream: 500 * time.Millisecond,
}

// soak is nodes and their applications.
type soak struct {
	program      string
	dir          string
	group        *process.Group
	nodes        []*oneNode
	applications []*witness.Application
	ledger       *witness.Ledger
	samples      []sample
	visits       int
	restarts     int
}

// oneNode is a node, which may be started several times.
type oneNode struct {
	process *process.Process
	addr    string // for other nodes
	socket  string
}

func prepare(ctx context.Context, o options) (s *soak, err error) {
	s = &soak{program: o.program, group: process.NewGroup(), ledger: witness.NewLedger()}
	defer func() {
		if err != nil {
			s.close()
		}
	}()
	if s.dir, err = os.MkdirTemp("", "iris-soak-"); err != nil {
		return s, err
	}
	key, err := s.group.Start(process.Spec{Name: "keygen", Path: o.program, Args: []string{"keygen", s.key()}})
	if err != nil {
		return s, err
	}
	<-key.Ended()
	for number := range nodes {
		n := &oneNode{addr: "127.0.0.1:0", socket: filepath.Join(s.dir, fmt.Sprint(number, ".socket"))}
		s.nodes = append(s.nodes, n)
		if err := s.start(ctx, n); err != nil {
			return s, err
		}
		for i := range perNode {
			a, err := witness.Start(ctx, s.ledger, witness.Config{
				Name: fmt.Sprintf("app%d.%d", number, i), Node: fmt.Sprint(number), Socket: n.socket, Dir: s.dir, Pace: pace,
			})
			if err != nil {
				return s, err
			}
			s.applications = append(s.applications, a)
		}
	}
	return s, nil
}

func (s *soak) key() string { return filepath.Join(s.dir, "network.pem") }

func (s *soak) close() {
	for _, a := range s.applications {
		a.Close()
	}
	s.group.Close()
	_ = os.RemoveAll(s.dir)
}

var ready = regexp.MustCompile(`msg=ready .*quic://(127\.0\.0\.1:\d+)`)

// start starts a node, again where it was if it was started before, and waits until it serves.
func (s *soak) start(ctx context.Context, n *oneNode) (err error) {
	args := []string{
		"-net", "soak", "-rsa", s.key(), "-port", "0", "-bind", n.addr, "-socket", n.socket,
		"-control", "none", "-discover", "none", "-drain", "2s",
	}
	if n != s.nodes[0] {
		args = append(args, "-join", s.nodes[0].addr)
	}
	n.process, err = s.group.Start(process.Spec{Name: "the node of " + n.socket, Path: s.program, Args: args})
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	found, err := n.process.Await(ctx, ready)
	if err == nil {
		n.addr = found[1]
	}
	return err
}

// run lets time pass, and all come and go.
func (s *soak) run(ctx context.Context, o options) error {
	ctx, cancel := context.WithTimeout(ctx, o.duration)
	defer cancel()
	var over sync.WaitGroup
	failed := make([]error, 3)
	for i, f := range []func(context.Context) error{s.visit, s.replace, s.look} {
		over.Go(func() {
			defer cancel()
			failed[i] = f(ctx)
		})
	}
	over.Go(func() { s.ledger.Watch(ctx) })
	over.Wait()
	if err := errors.Join(failed...); err != nil {
		return err
	}
	if !errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return ctx.Err()
	}
	return nil
}

// each calls a function after each time, until the context ends.
func each(ctx context.Context, pause time.Duration, do func(n int) error) error {
	ticker := time.NewTicker(pause)
	defer ticker.Stop()
	for n := 1; ; n++ {
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
		if err := do(n); err != nil && ctx.Err() == nil {
			return err
		}
	}
}

// visit has applications attach with names of their own, and leave, at the first two nodes.
func (s *soak) visit(ctx context.Context) error {
	return each(ctx, visited, func(n int) error {
		s.visits++
		return visitOnce(ctx, s.nodes[n%2].socket, fmt.Sprint("name", n))
	})
}

func visitOnce(ctx context.Context, socket, name string) error {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	echo := client.Service{Request: func(_ context.Context, body []byte) ([]byte, error) { return body, nil }}
	c, err := client.Register(ctx, name, echo, client.Config{Address: "unix:" + socket})
	if err != nil {
		return err
	}
	heard := make(chan struct{}, 1)
	_, err = c.Subscribe(ctx, name, func([]byte) { heard <- struct{}{} })
	if err == nil {
		err = c.Publish(ctx, name, []byte("event"))
	}
	if err == nil {
		_, err = c.Request(ctx, name, []byte("request"))
	}
	if err == nil {
		select {
		case <-heard:
		case <-ctx.Done():
			err = fmt.Errorf("an event of %s does not come to its own publisher: %w", name, ctx.Err())
		}
	}
	return errors.Join(err, c.Close())
}

// replace stops the last node, and starts it again.
func (s *soak) replace(ctx context.Context) error {
	n := s.nodes[nodes-1]
	return each(ctx, replaced, func(times int) error {
		if times%2 == 0 {
			n.process.Kill()
		} else {
			n.process.Stop(10 * time.Second)
		}
		wait, cancel := context.WithTimeout(ctx, away)
		defer cancel()
		<-wait.Done()
		s.restarts++
		return s.start(ctx, n)
	})
}

// look measures the first two nodes.
func (s *soak) look(ctx context.Context) error {
	begun := time.Now()
	return each(ctx, sampled, func(n int) error {
		taken := sample{at: time.Since(begun), latency: median(s.ledger.Latencies())}
		for _, node := range s.nodes[:2] {
			one, err := read(node.process.PID())
			if err != nil {
				return err
			}
			taken.nodes = append(taken.nodes, one)
		}
		s.samples = append(s.samples, taken)
		if n%6 == 0 { // what is in the ledger must not grow; nodes come and go, so nothing is in good order
			now := time.Now()
			s.ledger.Close(witness.Round{Mended: now, Until: now.Add(-10 * time.Second), Within: time.Hour}, now)
		}
		return nil
	})
}
