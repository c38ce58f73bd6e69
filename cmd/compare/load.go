package main

import (
	"context"
	"errors"
	"math"
	"slices"

	"github.com/project-iris/iris/cmd/internal/load"
	"github.com/project-iris/iris/cmd/internal/process"
)

// blank is the value of what a system cannot do, or what is not known of it.
var blank = math.NaN()

// between has a load go from a caller at the first server to services at the second one.
func (n *network) between(config load.Config, services int) load.Config {
	config.Callers = []int{n.ports[0]}
	config.Services = slices.Repeat([]int{n.ports[1]}, services)
	config.Warmup = warmup
	return config
}

// load puts a load on the network, and returns what came of it and how many processors the
// servers have kept busy meanwhile, which is blank if there are none. What is lost is an error.
func (n *network) load(ctx context.Context, config load.Config, services int) (load.Result, float64, error) {
	config = n.between(config, services)
	var w watch
	config.Boundary = func() { w.look(n.servers) }
	r, err := load.Run(ctx, n, config)
	if err == nil {
		err = errors.Join(r.Err(), w.failed)
	}
	if err != nil {
		return r, blank, err
	}
	return r, w.cores(), nil
}

// watch looks at servers at the start and at the end of what is measured.
type watch struct {
	readings []process.Reading
	failed   error
}

func (w *watch) look(servers []*process.Process) {
	r, err := process.Read(servers)
	w.readings = append(w.readings, r)
	w.failed = errors.Join(w.failed, err)
}

// cores is how many processors they have kept busy: of no servers, blank.
func (w *watch) cores() float64 {
	if len(w.readings[0]) == 0 {
		return blank
	}
	return w.readings[1].Since(w.readings[0]).Cores()
}
