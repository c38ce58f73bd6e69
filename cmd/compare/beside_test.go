package main

import (
	"errors"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/project-iris/iris/cmd/internal/load"
)

func TestValuesBesideABulk(t *testing.T) {
	of := func(p50, p99, perSecond float64) load.Result {
		return load.Result{Latency: load.Latency{P50: p50, P99: p99}, PerSecond: perSecond}
	}
	got := besideValues(of(100, 200, 9), of(150, 500, 8), of(3, 4, 1000), of(5, 6, 900))
	if want := []float64{150, 500, 2.5, 0.9}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	if figures := besideFigures("it", 2, true); len(figures) != len(got) {
		t.Errorf("%d figures for %d values", len(figures), len(got))
	}
}

// NATS has no tunnels: its cells are blank, and it is not started for them.
func TestNATSHasNoTunnels(t *testing.T) {
	tr := besideTrial(besideTunnel, time.Second)
	values, err := tr.run(t.Context(), newNetwork(natsSystem{}))
	if err != nil || len(values) != len(tr.figures) {
		t.Fatalf("%d values for %d figures, %v", len(values), len(tr.figures), err)
	}
	for i, f := range tr.figures {
		if got := f.text(values[i]); got != dash {
			t.Errorf("%s is %s", f.name, got)
		}
	}
	if err := (natsConn{}).serve(t.Context(), "cluster", load.Service{Tunnel: func(load.Tunnel) {}}); !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("a service with tunnels: %v", err)
	}
}

func TestErrandsOfOtherApplications(t *testing.T) {
	n := newNetwork(natsSystem{})
	n.ports = [2]int{7, 8}
	config := n.between(load.Config{Workload: load.Broadcasts, Size: 99, InFlight: 3, Duration: time.Minute}, 2)
	want := errand{
		NATS: true, Workload: load.Broadcasts, Size: 99, InFlight: 3, Caller: 7, Services: []int{8, 8},
		Warmup: warmup, Duration: time.Minute,
	}
	text, err := n.errand(config)
	if err != nil {
		t.Fatal(err)
	}
	got, err := parseErrand([]string{text})
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, %v, want %+v", got, err, want)
	}
	for _, args := range [][]string{nil, {"{"}, {"{}", "{}"}} {
		if _, err := parseErrand(args); !errors.Is(err, errBulk) {
			t.Errorf("%q: %v", args, err)
		}
	}
}
