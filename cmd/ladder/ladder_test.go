package main

import (
	"errors"
	"flag"
	"math"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/project-iris/iris/cmd/internal/process"
	"github.com/project-iris/iris/cmd/internal/tool"
)

func TestParse(t *testing.T) {
	for _, row := range []struct {
		args string
		want []string // the rungs; nil: it is refused
	}{
		{"-transport tcp -only frames", []string{"TCP: plain chain", "TCP: + frames", "TCP: + frames, queued"}},
		{"-transport quic -only overlay$", []string{"TCP: plain chain", "QUIC: + overlay"}},
		{"-only binding", []string{"TCP: plain chain", "TCP: + binding", "QUIC: + binding"}},
		{"-only nothing", []string{"TCP: plain chain"}},
		{"-transport pigeon", nil},
		{"-only (", nil},
		{"-rounds 0", nil},
		{"-for 0s", nil},
		{"-size 0", nil},
		{"-size 32769", nil},
		{"rung", nil},
	} {
		o, err := parse(strings.Fields(row.args))
		var got []string
		for _, r := range o.rungs {
			got = append(got, r.name())
		}
		if row.want == nil && err == nil || row.want != nil && !slices.Equal(got, row.want) {
			t.Errorf("%s: got %q, %v", row.args, got, err)
		}
	}
	if _, err := parse([]string{"-h"}); !errors.Is(err, flag.ErrHelp) {
		t.Errorf("-h: %v", err)
	}
}

// Rungs are told apart by their names.
func TestRungsHaveNamesOfTheirOwn(t *testing.T) {
	all, err := pick([]string{overTCP, overQUIC}, regexp.MustCompile(""))
	if err != nil || !reflect.DeepEqual(all, ladder()) || len(all) != 13 {
		t.Fatalf("%d rungs, %v", len(all), err)
	}
	seen := make(map[string]bool)
	for _, r := range all {
		if seen[r.name()] {
			t.Errorf("two rungs are called %s", r.name())
		}
		seen[r.name()] = true
	}
}

func TestSummary(t *testing.T) {
	var took []time.Duration
	for i := 100; i >= 0; i-- {
		took = append(took, time.Duration(i))
	}
	if got, want := summary(took), (trips{Number: 101, P50: 50, P99: 99}); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	if got, want := summary(took[:100]), (trips{Number: 100, P50: 49, P99: 98}); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	if got, want := summary([]time.Duration{7}), (trips{Number: 1, P50: 7, P99: 7}); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

func TestSampleIsForARoundTrip(t *testing.T) {
	got := newSample(
		trips{Number: 10, P50: 1500 * time.Nanosecond, P99: 2 * time.Millisecond},
		spent{nodes: process.Spent{Processor: time.Millisecond, Switches: 30}, apps: process.Spent{Processor: time.Millisecond / 2, Switches: 25}},
	)
	want := sample{p50: 1.5, p99: 2000, switches: 5.5, processor: 150, nodes: 100}
	if got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

func TestTable(t *testing.T) {
	o := options{rounds: 3, duration: time.Second, size: 4096, rungs: []rung{{plain, overTCP}, {binding, overQUIC}}}
	got := table(o, [][]sample{
		{{10, 100, 9, 70, 30}, {20, 200, 8, 80, 40}, {30, 300, 7, 90, 50}},
		{{20, 400, 11, 170, 130}, {20, 200, 12, 180, 140}, {15, 900, 13.26, 190, 150}},
	}, time.Minute)
	want := `
3 rounds of 1s a rung, requests of 4 KiB, 1m0s in all, `
	if !strings.Contains(got, want) {
		t.Errorf("got\n%s\nwant in it%s", got, want)
	}
	want = `
|  | p50 | to plain | p99 | to plain | context switches | processor | of which the nodes |
| --- | --- | --- | --- | --- | --- | --- | --- |
| TCP: plain chain | 20 µs | 1.00 (1.00–1.00) | 200 µs | 1.00 (1.00–1.00) | 8.0 | 80 µs | 40 µs |
| QUIC: + binding | 20 µs | 1.00 (0.50–2.00) | 400 µs | 3.00 (1.00–4.00) | 12.0 | 180 µs | 140 µs |
`
	if !strings.HasSuffix(got, want) {
		t.Errorf("got\n%s\nwant at its end\n%s", got, want)
	}
}

func TestPartsThatCannotBe(t *testing.T) {
	for _, text := range []string{`{`, `{}`, `{"Role":"king"}`, `{"Role":"first node","Layer":"cake"}`} {
		if err := start(t.Context(), []string{partCommand, text}); !errors.Is(err, tool.ErrUsage) {
			t.Errorf("%s: %v", text, err)
		}
	}
}

func TestMicros(t *testing.T) {
	if got := micros(1234 * time.Nanosecond); math.Abs(got-1.234) > 1e-9 {
		t.Errorf("got %v", got)
	}
}
