package main

import (
	"context"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/project-iris/iris/cmd/internal/load"
	"github.com/project-iris/iris/cmd/internal/report"
)

// trial is a load that is put on several systems in turn.
type trial struct {
	name    string
	systems []system // the first is what the others are compared with
	figures []figure
	run     func(ctx context.Context, n *network) ([]float64, error) // returns a value for each figure, or blank
}

// figure is what a trial measures.
type figure struct {
	name  string
	unit  unit
	aims  map[string]float64 // ratio to the first system that others are to reach, by name
	own   float64            // what all systems but the first are to reach by themselves; 0: nothing
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
	return append(all, attachTrial(duration), memoryTrial(),
		besideTrial(besideEvents, duration), besideTrial(besideTunnel, duration), besideTrial(besideBroadcast, duration), splitTrial(duration),
		tunnelTrial(irisTCP, naiveTCP, rawTLS, 1.2, duration), tunnelTrial(irisQUIC, naiveQUIC, rawQUIC, 2.0, duration))
}

func requestTrial(size, inFlight int, duration time.Duration) trial {
	name := fmt.Sprintf("requests, %s, %d in flight", report.Bytes(size), inFlight)
	t := trial{name: name, systems: []system{nats, irisTCP, irisQUIC}, figures: []figure{
		{name: name, unit: perSecond},
		{name: name + ": p50", unit: microseconds, lower: true},
		{name: name + ": p99", unit: microseconds, lower: true},
		{name: name + ": processor of both servers for one", unit: tenths, lower: true},
	}}
	switch {
	case size == 128 && inFlight == 128:
		t.figures[0].aims = map[string]float64{irisTCP.name: 1.3, irisQUIC.name: 1.0}
	case size == 128 && inFlight == 1:
		t.figures[1].aims = map[string]float64{irisTCP.name: 0.7, irisQUIC.name: 0.9}
		t.figures[2].aims = map[string]float64{irisTCP.name: 0.9, irisQUIC.name: 0.9}
	case size == 4096 && inFlight > 1:
		t.figures[0].aims = map[string]float64{irisQUIC.name: 1.2}
	}
	t.run = func(ctx context.Context, n *network) ([]float64, error) {
		r, cores, err := n.load(ctx, load.Config{Workload: load.Requests, Size: size, InFlight: inFlight, Duration: duration}, 1)
		return []float64{r.PerSecond, r.Latency.P50, r.Latency.P99, microsecondsFor(cores, r.PerSecond)}, err
	}
	return t
}

// microsecondsFor is the processor time for one of what is done in a second.
func microsecondsFor(cores, perSecond float64) float64 { return 1e6 * cores / perSecond }

// eventsInFlight and bytesInFlight bound what a publisher has under way: enough that more
// makes neither system faster, and less than either would drop.
const (
	eventsInFlight = 16384
	bytesInFlight  = 4 << 20
)

func publishTrial(size, subscribers int, duration time.Duration) trial {
	name := fmt.Sprintf("events, %s, 1 → %d", report.Bytes(size), subscribers)
	t := trial{name: name, systems: []system{nats, irisTCP, irisQUIC}, figures: []figure{
		{name: name + ": deliveries", unit: perSecond},
		{name: name + ": processor of both servers for one event", unit: tenths, lower: true},
	}}
	switch {
	case size == 128 && subscribers == 1:
		t.figures[0].aims = map[string]float64{irisTCP.name: 1.3, irisQUIC.name: 0.9}
	case size == 128:
		t.figures[0].aims = map[string]float64{irisTCP.name: 1.2, irisQUIC.name: 1.2}
	default:
		t.figures[0].aims = map[string]float64{irisQUIC.name: 1.0}
	}
	inFlight := min(eventsInFlight, bytesInFlight/size)
	t.run = func(ctx context.Context, n *network) ([]float64, error) {
		r, cores, err := n.load(ctx, load.Config{Workload: load.Events, Size: size, InFlight: inFlight, Duration: duration}, subscribers)
		return []float64{r.PerSecond, microsecondsFor(cores, r.PerSecond/float64(subscribers))}, err
	}
	return t
}

// tunnelTrial is a tunnel next to chains that only copy, and to one connection that does, over
// the same transport.
func tunnelTrial(iris, naive, single system, aim float64, duration time.Duration) trial {
	name := "one tunnel over " + strings.ToUpper(iris.transport) + ", 64 KiB messages"
	return trial{
		name:    name,
		systems: []system{naive, iris, single},
		figures: []figure{
			{name: name, unit: bytesPerSecond, aims: map[string]float64{iris.name: aim}},
			{name: name + ": processor of both nodes for a megabyte", unit: microseconds, lower: true},
		},
		run: func(ctx context.Context, n *network) ([]float64, error) {
			r, cores, err := n.load(ctx, load.Config{Workload: load.Tunnels, Size: bulkSize, Duration: duration}, 1)
			return []float64{r.BytesPerSecond, microsecondsFor(cores, r.BytesPerSecond/1e6)}, err
		},
	}
}

// choose returns the trials whose names match an expression, with the systems that some
// transports are asked for. There is one at least.
func choose(all []trial, only *regexp.Regexp, over []string) (chosen []trial, err error) {
	var names []string
	for _, t := range all {
		names = append(names, t.name)
		if only.MatchString(t.name) && t.keep(over) {
			chosen = append(chosen, t)
		}
	}
	if len(chosen) == 0 {
		err = fmt.Errorf("no trial over %s matches %q: there are\n\t%s", strings.Join(over, ","), only, strings.Join(names, "\n\t"))
	}
	return chosen, err
}

// keep keeps the systems that some transports are asked for, and reports whether there is one.
// Those without a transport are what others are compared with.
func (t *trial) keep(over []string) bool {
	t.systems = slices.DeleteFunc(t.systems, func(s system) bool { return s.transport != "" && !slices.Contains(over, s.transport) })
	return slices.ContainsFunc(t.systems, func(s system) bool { return s.transport != "" })
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
