package main

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/project-iris/iris/cmd/internal/load"
	"github.com/project-iris/iris/cmd/internal/report"
)

// trial is a load that is put on several systems in turn.
type trial struct {
	name    string
	systems []system
	figures []figure
	run     func(ctx context.Context, n *network) ([]float64, error) // returns a value for each figure
}

// figure is what a trial measures.
type figure struct {
	name  string
	unit  unit
	aims  map[string]float64 // ratio to the first system that others are to reach, by name
	lower bool               // the lower the better
}

// warmup is how long a load runs before it is measured.
const warmup = 400 * time.Millisecond

// trials returns all, with loads that are measured for a duration.
func trials(duration time.Duration) []trial {
	var all []trial
	for _, size := range []int{128, 4096} {
		for _, inFlight := range []int{1, 16, 128} {
			all = append(all, requestTrial(size, inFlight, duration))
		}
	}
	for _, size := range []int{128, 4096} {
		for _, subscribers := range []int{1, 8} {
			all = append(all, publishTrial(size, subscribers, duration))
		}
	}
	return append(all, attachTrial(duration), memoryTrial(), tunnelTrial(duration))
}

func requestTrial(size, inFlight int, duration time.Duration) trial {
	name := fmt.Sprintf("requests, %s, %d in flight", report.Bytes(size), inFlight)
	t := trial{name: name, systems: []system{nats, irisTCP, irisQUIC}, figures: []figure{
		{name: name, unit: perSecond},
		{name: name + ": p50", unit: microseconds, lower: true},
		{name: name + ": p99", unit: microseconds, lower: true},
	}}
	switch {
	case size == 128 && inFlight == 128:
		t.figures[0].aims = map[string]float64{irisTCP.name: 1.3, irisQUIC.name: 1.0}
	case size == 128 && inFlight == 1:
		t.figures[1].aims = map[string]float64{irisTCP.name: 0.9, irisQUIC.name: 0.9}
		t.figures[2].aims = t.figures[1].aims
	}
	t.run = func(ctx context.Context, n *network) ([]float64, error) {
		r, err := n.load(ctx, load.Config{Workload: load.Requests, Size: size, InFlight: inFlight, Duration: duration}, 1)
		return []float64{r.PerSecond, r.Latency.P50, r.Latency.P99}, err
	}
	return t
}

// eventsInFlight and bytesInFlight bound what a publisher has under way: enough that more
// makes neither system faster, and less than either would drop.
const (
	eventsInFlight = 16384
	bytesInFlight  = 4 << 20
)

func publishTrial(size, subscribers int, duration time.Duration) trial {
	name := fmt.Sprintf("events, %s, 1 → %d", report.Bytes(size), subscribers)
	t := trial{name: name, systems: []system{nats, irisTCP, irisQUIC}, figures: []figure{{name: name + ": deliveries", unit: perSecond}}}
	switch {
	case size == 128 && subscribers == 1:
		t.figures[0].aims = map[string]float64{irisTCP.name: 1.3, irisQUIC.name: 0.9}
	case size == 128:
		t.figures[0].aims = map[string]float64{irisTCP.name: 1.2, irisQUIC.name: 1.2}
	}
	inFlight := min(eventsInFlight, bytesInFlight/size)
	t.run = func(ctx context.Context, n *network) ([]float64, error) {
		r, err := n.load(ctx, load.Config{Workload: load.Events, Size: size, InFlight: inFlight, Duration: duration}, subscribers)
		return []float64{r.PerSecond}, err
	}
	return t
}

func tunnelTrial(duration time.Duration) trial {
	return trial{
		name:    "bulk tunnel",
		systems: []system{rawTLS, rawQUIC, irisTCP, irisQUIC},
		figures: []figure{{name: "one tunnel, 64 KiB messages", unit: bytesPerSecond}},
		run: func(ctx context.Context, n *network) ([]float64, error) {
			r, err := n.load(ctx, load.Config{Workload: load.Tunnels, Size: bulkSize, Duration: duration}, 1)
			return []float64{r.BytesPerSecond}, err
		},
	}
}

// load puts a load on the network, from a caller at the first server to services at the
// second one. What is lost is an error.
func (n *network) load(ctx context.Context, config load.Config, services int) (load.Result, error) {
	config.Callers = []int{n.ports[0]}
	for range services {
		config.Services = append(config.Services, n.ports[1])
	}
	config.Warmup = warmup
	r, err := load.Run(ctx, n, config)
	if err != nil {
		return r, err
	}
	return r, r.Err()
}

// measure runs a trial: in each round the systems one after the other, in an order that
// rotates.
func (t *trial) measure(ctx context.Context, dir string, rounds int, to *table) error {
	samples := make([]sample, len(t.systems))
	for round := range rounds {
		fmt.Fprintf(os.Stderr, "%s: round %d of %d\n", t.name, round+1, rounds)
		for i := range t.systems {
			k := (i + round) % len(t.systems)
			values, err := t.once(ctx, dir, t.systems[k])
			if err != nil {
				return fmt.Errorf("%s: %w", t.systems[k].name, err)
			}
			samples[k] = append(samples[k], values)
		}
	}
	to.add(t, samples)
	return nil
}

// once runs a trial on a system that is started for it.
func (t *trial) once(ctx context.Context, dir string, s system) ([]float64, error) {
	n, err := s.start(ctx, dir)
	if err != nil {
		return nil, err
	}
	defer n.stop()
	return t.run(ctx, n)
}
