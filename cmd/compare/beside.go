package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/project-iris/iris/cmd/internal/load"
)

// bulk is what is sent flat out beside requests.
type bulk struct {
	name     string
	config   load.Config
	services int
	toNATS   bool // the requests' p99 beside it is to be close to that of NATS
}

// The bulks. As many bytes are under way as where events are measured alone.
var (
	besideEvents = bulk{
		"events, 4 KiB", load.Config{Workload: load.Events, Size: 4096, InFlight: bytesInFlight / 4096}, 1, true,
	}
	besideTunnel    = bulk{"a tunnel", load.Config{Workload: load.Tunnels, Size: bulkSize}, 1, false}
	besideBroadcast = bulk{
		"broadcasts to 8, 4 KiB", load.Config{Workload: load.Broadcasts, Size: 4096, InFlight: bytesInFlight / 4096}, 8, false,
	}
)

// What requests beside another's bulk are to reach: their p99 as a multiple of what it is
// alone, and compared with NATS; and the bulk, as a share of its rate alone.
const (
	othersSlowdown = 2.0
	ownSlowdown    = 4.0
	besideToNATS   = 1.2
	bulkKept       = 0.8
)

// besideTrial asks one request at a time, alone, beside a bulk of another application of the
// same nodes, and beside a bulk of the same applications.
func besideTrial(b bulk, duration time.Duration) trial {
	t := trial{name: "requests beside " + b.name, systems: []system{nats, irisTCP, irisQUIC}}
	name := "a request beside " + b.name
	t.figures = append(besideFigures(name+" of another application", othersSlowdown, true), besideFigures(name+" of its own", ownSlowdown, false)...)
	if b.toNATS {
		t.figures[1].aims = map[string]float64{irisTCP.name: besideToNATS, irisQUIC.name: besideToNATS}
	}
	t.run = func(ctx context.Context, n *network) ([]float64, error) {
		values, err := n.beside(ctx, b, duration)
		if errors.Is(err, errors.ErrUnsupported) {
			return blanks(len(t.figures)), nil
		}
		return values, err
	}
	return t
}

// besideFigures are those of one variant: see besideValues.
func besideFigures(name string, slowdown float64, kept bool) []figure {
	all := []figure{
		{name: name + ": p50", unit: microseconds, lower: true},
		{name: name + ": p99", unit: microseconds, lower: true},
		{name: name + ": p99 to its own alone", unit: times, lower: true, own: slowdown},
		{name: name + ": what the bulk keeps of its rate", unit: share},
	}
	if kept {
		all[3].own = bulkKept
	}
	return all
}

// besideValues are the figures of one variant.
func besideValues(alone, beside, bulkAlone, bulkBeside load.Result) []float64 {
	return []float64{
		beside.Latency.P50, beside.Latency.P99,
		beside.Latency.P99 / alone.Latency.P99, bulkBeside.PerSecond / bulkAlone.PerSecond,
	}
}

func blanks(n int) []float64 {
	values := make([]float64, n)
	for i := range values {
		values[i] = blank
	}
	return values
}

// beside measures both alone, and then beside each other, in both variants.
func (n *network) beside(ctx context.Context, b bulk, duration time.Duration) ([]float64, error) {
	if _, isNATS := n.System.(natsSystem); isNATS && b.config.Workload == load.Tunnels {
		return nil, errors.ErrUnsupported
	}
	ask := load.Config{Workload: load.Requests, InFlight: 1, Duration: duration}
	other := b.config
	other.Duration = duration
	requests, bulk := n.between(ask, 1), n.between(other, b.services)
	alone, _, err := n.load(ctx, ask, 1)
	if err != nil {
		return nil, fmt.Errorf("alone: %w", err)
	}
	bulkAlone, err := n.bulkAlone(ctx, bulk)
	if err != nil {
		return nil, fmt.Errorf("%s alone: %w", b.name, err)
	}
	of, beside, err := n.besideOthers(ctx, requests, bulk)
	if err != nil {
		return nil, fmt.Errorf("beside others: %w", err)
	}
	values := besideValues(alone, of, bulkAlone, beside)
	of, beside, err = load.Beside(ctx, n, requests, bulk)
	if err == nil {
		err = errors.Join(of.Err(), beside.Err())
	}
	if err != nil {
		return nil, fmt.Errorf("beside its own: %w", err)
	}
	return append(values, besideValues(alone, of, bulkAlone, beside)...), nil
}

// bulkAlone measures a bulk of other applications.
func (n *network) bulkAlone(ctx context.Context, config load.Config) (load.Result, error) {
	run, err := n.startBulk(ctx, config)
	if err != nil {
		return load.Result{}, err
	}
	defer run.process.Kill()
	run.begin()
	return run.result(ctx)
}

// besideOthers measures requests and a bulk of other applications, which begin together.
func (n *network) besideOthers(ctx context.Context, requests, config load.Config) (of, bulk load.Result, err error) {
	run, err := n.startBulk(ctx, config)
	if err != nil {
		return of, bulk, err
	}
	defer run.process.Kill()
	requests.Ready = run.begin
	if of, err = load.Run(ctx, n, requests); err != nil {
		return of, bulk, err
	}
	bulk, err = run.result(ctx)
	return of, bulk, errors.Join(err, of.Err())
}
