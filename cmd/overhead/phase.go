package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strconv"
	"sync"
	"time"

	"github.com/project-iris/iris/cmd/internal/load"
	"github.com/project-iris/iris/cmd/internal/process"
)

// How often nodes are asked when somebody looks, and what Prometheus accepts.
const (
	scrapes  = 5 * time.Second
	shows    = 2 * time.Second
	protobuf = "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited;q=0.6,text/plain;version=0.0.4;q=0.3"
)

// figures are what a phase has found.
type figures struct {
	idle float64 // processors that both nodes keep busy at rest
	rate float64 // requests a second
	p99  float64 // microseconds
}

// A node is one that was started.
type node struct {
	process *process.Process
	port    int    // for applications
	addr    string // for other nodes
	http    string // empty: nobody can look
}

// measure runs a phase, with nodes of its own.
func measure(ctx context.Context, group *process.Group, o options, key string, looks bool) (f figures, err error) {
	var nodes []*node
	defer func() {
		for _, n := range nodes {
			n.process.Stop(5 * time.Second)
		}
	}()
	for range 2 {
		n, err := startNode(ctx, group, o.program, key, nodes, looks)
		if err != nil {
			return f, err
		}
		nodes = append(nodes, n)
	}
	ctx, cancel := context.WithCancelCause(ctx)
	var looking sync.WaitGroup
	defer looking.Wait()
	defer cancel(nil)
	if looks {
		for _, n := range nodes {
			looking.Go(func() { look(ctx, cancel, "http://"+n.http+"/metrics", protobuf, scrapes) })
			looking.Go(func() { look(ctx, cancel, "http://"+n.http+"/v1/network", "application/json", shows) })
		}
	}
	if f, err = o.figures(ctx, nodes); context.Cause(ctx) != nil {
		return f, context.Cause(ctx) // of what could not be looked at
	}
	return f, err
}

var ready = regexp.MustCompile(`msg=ready port=(\d+) peer=\S*?quic://(127\.0\.0\.1:\d+)(?:.* http=(\S+))?`)

func startNode(ctx context.Context, group *process.Group, program, key string, others []*node, looks bool) (*node, error) {
	args := []string{"-net", "overhead", "-rsa", key, "-port", "0", "-bind", "127.0.0.1:0", "-control", "none", "-discover", "none", "-drain", "2s"}
	for _, other := range others {
		args = append(args, "-join", other.addr)
	}
	if looks {
		args = append(args, "-http", "127.0.0.1:0")
	}
	p, err := group.Start(process.Spec{Name: "a node", Path: program, Args: args})
	if err != nil {
		return nil, err
	}
	found, err := p.Await(ctx, ready)
	if err != nil {
		return nil, err
	}
	port, err := strconv.Atoi(found[1])
	return &node{process: p, port: port, addr: found[2], http: found[3]}, err
}

// figures measures one thing after the other. Nodes that have just started are not at rest: the
// requests come first.
func (o options) figures(ctx context.Context, nodes []*node) (f figures, err error) {
	config := load.Config{
		Workload: load.Requests, Callers: []int{nodes[0].port}, Services: []int{nodes[1].port}, InFlight: inFlight, Duration: o.each,
	}
	fast, err := ask(ctx, config)
	if err != nil {
		return f, err
	}
	config.Rate = o.rate
	steady, err := ask(ctx, config)
	if err != nil {
		return f, err
	}
	processes := []*process.Process{nodes[0].process, nodes[1].process}
	process.Sleep(ctx, scrapes) // what the load has left behind is over
	before, err := process.Read(processes)
	if err != nil {
		return f, err
	}
	process.Sleep(ctx, o.each)
	after, err := process.Read(processes)
	if err != nil {
		return f, err
	}
	return figures{idle: after.Since(before).Cores(), rate: fast.PerSecond, p99: steady.Latency.P99}, ctx.Err()
}

// ask runs a load of which nothing may be lost.
func ask(ctx context.Context, config load.Config) (load.Result, error) {
	result, err := load.Run(ctx, load.Iris{}, config)
	return result, errors.Join(err, result.Err())
}

// look asks for a page at once and again and again until the context ends, which it ends itself
// when there is no such page.
func look(ctx context.Context, fail context.CancelCauseFunc, url, accept string, every time.Duration) {
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		if err := get(ctx, url, accept); err != nil && ctx.Err() == nil {
			fail(err)
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

// get reads a page.
func get(ctx context.Context, url, accept string) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	request.Header.Set("Accept", accept)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("%s answers %s", url, response.Status)
	}
	_, err = io.Copy(io.Discard, response.Body)
	return err
}
