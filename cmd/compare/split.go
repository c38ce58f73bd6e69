package main

import (
	"context"
	"slices"
	"time"

	"github.com/project-iris/iris/cmd/internal/load"
)

// Of ten applications that publish as fast as goes, one is greedy: it has sixteen times as much
// under way as each of the others.
const (
	modest         = 9
	modestInFlight = bytesInFlight / 4096 / 16
	evenSplit      = 0.9
)

// splitTrial has them publish from one server to another, and compares what the others get with
// an even split.
func splitTrial(duration time.Duration) trial {
	return trial{
		name: "ten applications", systems: []system{nats, irisTCP, irisQUIC},
		figures: []figure{{name: "ten applications, one of them greedy: what the others get of an even split", unit: share, own: evenSplit}},
		run: func(ctx context.Context, n *network) ([]float64, error) {
			config := load.Config{Workload: load.Events, Size: 4096, InFlight: modestInFlight, Duration: duration}
			others := n.between(config, 1)
			others.Callers = slices.Repeat(others.Callers, modest)
			config.InFlight = bytesInFlight / config.Size
			of, greedy, err := n.besideOthers(ctx, others, n.between(config, 1))
			return []float64{splitOf(of.PerSecond, greedy.PerSecond)}, err
		},
	}
}

// splitOf is what each of the modest gets of the tenth that would be its own.
func splitOf(others, greedy float64) float64 {
	return others / modest / ((others + greedy) / (modest + 1))
}
