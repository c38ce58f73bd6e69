package main

import (
	"context"
	"errors"
	"math"
	"regexp"
	"slices"
	"strings"
	"testing"

	natsserver "github.com/nats-io/nats-server/v2/server"

	bench "github.com/project-iris/iris/cmd/internal/network"
	"github.com/project-iris/iris/cmd/internal/process"
)

func TestTable(t *testing.T) {
	tr := &trial{
		systems: []system{{name: "A"}, {name: "B"}},
		figures: []figure{
			{name: "speed", unit: perSecond, aims: map[string]float64{"B": 1.3}},
			{name: "time", unit: microseconds, lower: true, aims: map[string]float64{"B": 0.9}},
		},
	}
	var tb table
	tb.add(tr, []sample{
		{{1000, 10}, {2000, 20}, {4000, 40}},
		{{2000, 5}, {2000, 10}, {5000, 80}},
	})
	got := tb.markdown("machine", options{rounds: 3}, 0)
	want := `| | A | B | to A |
| --- | --- | --- | --- |
| speed | 2,000/s | 2,000/s | 1.25 (1.00–2.00), **misses** ≥ 1.3 |
| time | 20 µs | 10 µs | 0.50 (0.50–2.00), aim ≤ 0.9 |
`
	if !strings.HasSuffix(strings.ReplaceAll(got, "|  |", "| |"), want) {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestRestTable(t *testing.T) {
	of := func(met, processor float64) atRest {
		return atRest{met, bench.Rest{
			Processor: bench.Spread{Median: processor, Max: 2 * processor}, Switches: bench.Spread{Median: 1200},
			RSS: bench.Spread{Median: 26e6}, PSS: bench.Spread{Median: 9.04e6}, Traffic: bench.Traffic{Datagrams: 19, Segments: 2, Bytes: 2100},
		}}
	}
	got := restTable("machine", []restRow{{"A", 3, []atRest{of(1.5, 0.01), of(0.5, 0.03), of(0.7, 0.02)}}}, 3, 0)
	want := `| servers |  | all know all | processor, of a core | most | context switches | RSS | PSS | UDP datagrams | TCP segments | bytes |
| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |
| 3 | A | 700 ms | 2.00 % | 4.00 % | 1,200/s | 26.0 MB | 9.0 MB | 19/s | 2/s | 2.1 kB/s |
`
	if !strings.HasSuffix(got, want) {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

// A server is waited for until it answers and knows all, and one that ends is told.
func TestAnchorsAreWaitedFor(t *testing.T) {
	g := process.NewGroup()
	t.Cleanup(g.Close)
	p, err := g.Start(process.Spec{Name: "server", Path: "sleep", Args: []string{"3600"}})
	if err != nil {
		t.Fatal(err)
	}
	asked := 0
	s := &anchorServer{p, func(context.Context) (int, error) {
		asked++
		if asked == 1 {
			return 0, errors.New("it does not listen yet")
		}
		return asked, nil
	}}
	if err := awaitOthers(t.Context(), []*anchorServer{s}, 4); err != nil || asked != 4 {
		t.Errorf("asked %d times: %v", asked, err)
	}
	p.Kill()
	if err := awaitOthers(t.Context(), []*anchorServer{s}, 1<<40); !errors.Is(err, errEnded) {
		t.Errorf("got %v", err)
	}
}

// What is not known is blank, and so are ratios to it.
func TestTableWithBlanks(t *testing.T) {
	tr := &trial{
		systems: []system{{name: "A"}, {name: "B"}},
		figures: []figure{
			{name: "kept", unit: share, own: 0.8, aims: map[string]float64{"B": 1}},
			{name: "slower", unit: times, own: 2, lower: true},
			{name: "other", unit: share, own: 0.8},
		},
	}
	var tb table
	tb.add(tr, []sample{{{blank, 1.5, 0.9}, {blank, 1.5, 0.9}}, {{0.7, 2.1, blank}, {0.6, 2.3, blank}}})
	got := tb.markdown("machine", options{rounds: 3}, 0)
	want := `
| kept | – | 0.65, **misses** ≥ 0.8 | – |
| slower | × 1.5 | × 2.2, **misses** ≤ 2.0 | 1.47 (1.40–1.53) |
| other | 0.90 | – | – |
`
	if !strings.HasSuffix(got, want) {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestProcessorForOne(t *testing.T) {
	if got := microsecondsFor(1.5, 30000); got != 50 {
		t.Errorf("a core and a half for 30,000 a second are %v µs each, want 50", got)
	}
	var w watch
	w.look(nil)
	w.look(nil)
	if got := w.cores(); !math.IsNaN(got) || w.failed != nil {
		t.Errorf("without servers it is %v, %v", got, w.failed)
	}
}

func TestTrialsOfATransport(t *testing.T) {
	for _, row := range []struct {
		systems []system
		over    string
		want    []string
	}{
		{[]system{nats, irisTCP, irisQUIC}, "tcp", []string{nats.name, irisTCP.name}},
		{[]system{nats, irisTCP, irisQUIC}, "tcp,quic", []string{nats.name, irisTCP.name, irisQUIC.name}},
		{[]system{naiveTCP, irisTCP, rawTLS}, "tcp", []string{naiveTCP.name, irisTCP.name, rawTLS.name}},
		{[]system{naiveTCP, irisTCP, rawTLS}, "quic", nil},
	} {
		over, err := transports(row.over)
		if err != nil {
			t.Fatal(err)
		}
		tr := trial{systems: row.systems}
		if tr.keep(over) != (row.want != nil) {
			t.Errorf("of %v over %s it is kept: %v", row.systems, row.over, row.want == nil)
		}
		var got []string
		for _, s := range tr.systems {
			got = append(got, s.name)
		}
		if !slices.Equal(got, row.want) {
			t.Errorf("over %s there are %q, want %q", row.over, got, row.want)
		}
	}
	for _, list := range []string{"", "pigeon", "tcp,"} {
		if _, err := transports(list); err == nil {
			t.Errorf("%q is taken for transports", list)
		}
	}
}

func TestTrialsAreChosen(t *testing.T) {
	for _, row := range []struct {
		only string
		over []string
		want int
	}{
		{"", []string{overTCP, overQUIC}, len(trials(1))},
		{"", []string{overTCP}, len(trials(1)) - 1},
		{"beside events", []string{overQUIC}, 1},
		{"tunnel over TCP", []string{overQUIC}, 0},
		{"nothing", []string{overTCP, overQUIC}, 0},
	} {
		got, err := choose(trials(1), regexp.MustCompile(row.only), row.over)
		if len(got) != row.want || (err == nil) != (row.want > 0) {
			t.Errorf("%q over %q: %d trials, want %d, %v", row.only, row.over, len(got), row.want, err)
		}
	}
}

// Each trial has a name of its own, by which it is chosen, and each figure too.
func TestNamesOfTrials(t *testing.T) {
	seen := make(map[string]bool)
	for _, tr := range trials(1) {
		for _, f := range tr.figures {
			if seen[f.name] {
				t.Errorf("two figures are called %s", f.name)
			}
			seen[f.name] = true
		}
		if seen["trial "+tr.name] {
			t.Errorf("two trials are called %s", tr.name)
		}
		seen["trial "+tr.name] = true
	}
}

// The server reads its configuration as it is meant.
func TestNATSConfigurations(t *testing.T) {
	dir := t.TempDir()
	if err := makeCertificates(dir); err != nil {
		t.Fatal(err)
	}
	for _, s := range []natsServer{
		{Name: "first", Dir: dir, Port: 1, Route: 2},
		{Name: "third", Dir: dir, Port: 1, Route: 2, Monitor: 3, Routes: []int{4, 5}},
	} {
		path, err := s.write()
		if err != nil {
			t.Fatal(err)
		}
		got, err := natsserver.ProcessConfigFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if got.Port != s.Port || got.Cluster.Port != s.Route || got.HTTPPort != s.Monitor || len(got.Routes) != len(s.Routes) || got.Cluster.TLSConfig == nil {
			t.Errorf("%+v is read as %+v", s, got)
		}
	}
}
