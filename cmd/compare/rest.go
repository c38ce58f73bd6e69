package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"time"

	bench "github.com/project-iris/iris/cmd/internal/network"
)

// How networks at rest are measured. Starts, joins and times are the same for all systems.
const (
	restSeeds    = 2 // servers, the first ones, that the others are told of
	restSpread   = 3 * time.Second
	restSettle   = 10 * time.Second
	restIdle     = 10 * time.Second
	restDeadline = 3 * time.Minute // of one network
)

// restSizes are how many servers the networks have.
var restSizes = []int{3, 20, 100}

// atRest is what was measured of a network.
type atRest struct {
	met  float64 // seconds from the last start until all knew all
	rest bench.Rest
}

// restSystem is a system whose network is measured at rest.
type restSystem struct {
	name    string
	most    int // servers that meet within restDeadline on two processors
	measure func(ctx context.Context, dir string, servers int) (atRest, error)
}

// restSystems are all.
var restSystems = []restSystem{
	{"Iris, QUIC", 100, benchNetwork("quic")},
	{"Iris, TCP", 100, benchNetwork("tcp")},
	{"Serf", 100, measureAnchor(prepareSerf)},
	{"NATS", 20, measureAnchor(prepareNATS)}, // a hundred, each with routes to all, take longer
}

// benchNetwork measures a network of Iris by its own command.
func benchNetwork(transport string) func(context.Context, string, int) (atRest, error) {
	return func(ctx context.Context, dir string, servers int) (atRest, error) {
		c := exec.CommandContext(ctx, filepath.Join(dir, irisProgram.file), "bench", "network", "-json",
			"-nodes", fmt.Sprint(servers), "-seeds", fmt.Sprint(restSeeds), "-transport", transport, "-within", restSpread.String(),
			"-settle", restSettle.String(), "-idle", restIdle.String(), "-deadline", restDeadline.String(), "-pairs", "0", "-losses=false")
		c.Cancel = func() error { return c.Process.Signal(os.Interrupt) } // so that it ends its nodes
		c.Stderr = os.Stderr
		out, err := c.Output()
		if err != nil {
			return atRest{}, err
		}
		var r bench.Result
		if err := json.Unmarshal(out, &r); err != nil {
			return atRest{}, err
		}
		return atRest{r.Met.AfterLast, *r.Rest}, nil
	}
}

// measureRest measures networks of all sizes and systems, and returns the table. In each
// round the systems take turns, in an order that rotates.
func measureRest(ctx context.Context, dir string, o options) (string, error) {
	if err := build(ctx, dir, irisProgram, natsProgram, serfProgram); err != nil {
		return "", err
	}
	began := time.Now()
	var rows []restRow
	for _, servers := range restSizes {
		systems := slices.DeleteFunc(slices.Clone(restSystems), func(s restSystem) bool { return s.most < servers })
		samples := make([]restRow, len(systems))
		for round := range o.rounds {
			for i := range systems {
				k := (i + round) % len(systems)
				s := systems[k]
				fmt.Fprintf(os.Stderr, "%s, %d servers: round %d of %d\n", s.name, servers, round+1, o.rounds)
				r, err := s.measure(ctx, dir, servers)
				if err != nil {
					return "", fmt.Errorf("%s, %d servers: %w", s.name, servers, err)
				}
				samples[k].name, samples[k].servers = s.name, servers
				samples[k].rounds = append(samples[k].rounds, r)
			}
		}
		rows = append(rows, samples...)
	}
	return restTable(machine(dir), rows, o.rounds, time.Since(began)), nil
}
