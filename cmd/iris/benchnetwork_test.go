package main

import (
	"encoding/json"
	"os"
	"runtime"
	"strings"
	"testing"

	"github.com/project-iris/iris/cmd/internal/network"
)

// A network of three nodes is measured in all ways. What the environment says to this
// program does not reach its nodes, which would not start with it.
func TestBenchNetwork(t *testing.T) {
	if testing.Short() {
		t.Skip("waits until a silent node is missed")
	}
	t.Setenv(programVariable, "1")
	t.Setenv("IRIS_LOG_LEVEL", "nonsense")
	got := iris(t, "", "bench", "network", "-nodes", "3", "-idle", "1s", "-settle", "0s", "-within", "0s", "-pairs", "3", "-requests", "10", "-json")
	var r network.Result
	if err := json.Unmarshal([]byte(got.out), &r); err != nil || got.code != exitGood {
		t.Fatalf("%v in %+v", err, got)
	}
	if r.Nodes != 3 || r.Met == nil || r.Met.AfterLast <= 0 || r.Met.AfterFirst < r.Met.AfterLast {
		t.Errorf("met: %+v", r.Met)
	}
	if r.Links == nil || r.Links.Max < 1 || r.Links.Max > 2 {
		t.Errorf("links: %+v", r.Links)
	}
	if runtime.GOOS == "linux" && (r.Rest == nil || r.Rest.Seconds < 1 || r.Rest.Processor.Median <= 0 || r.Rest.RSS.Median < 1e6 || r.Rest.Switches.Median <= 0) {
		t.Errorf("at rest: %+v", r.Rest)
	}
	if r.Requests == nil || r.Requests.First.P50 <= 0 || r.Requests.Later.P50 <= 0 || r.Requests.Later.Max < r.Requests.Later.P99 {
		t.Errorf("requests: %+v", r.Requests)
	}
	if runtime.GOOS == "linux" && len(r.Losses) != 2 {
		t.Errorf("losses: %+v", r.Losses)
	}
	for _, l := range r.Losses {
		if l.Known <= 0 || l.Answered <= 0 || l.Answer != "member lost" || l.Next < l.Answered {
			t.Errorf("a node that is %s: %+v", l.How, l)
		}
	}
	if r.Log.Errors != 0 {
		t.Errorf("log: %+v", r.Log)
	}
}

// A command that is interrupted ends its nodes, and says what was measured until then.
func TestBenchNetworkIsInterrupted(t *testing.T) {
	t.Setenv(programVariable, "1")
	p := start(t, nil, "bench", "network", "-within", "0s", "-settle", "1h")
	p.err.next(t, "leaving them alone")
	p.signals <- os.Interrupt
	if code := p.wait(); code != exitFailed {
		t.Errorf("it ends with %d", code)
	}
	p.out.next(t, "all know all")
	p.err.next(t, "iris: bench network: leaving them alone: context canceled")
}

func TestBenchNetworkUsage(t *testing.T) {
	for _, row := range []struct{ line, want string }{
		{"-nodes 2", "cannot run this network: 2 nodes; it has 3 to 1000"},
		{"-transport quic,udp", `-transport: there is no "udp"`},
		{"-deadline 0s", "-deadline has to be positive"},
		{"request", "iris bench network wants no arguments, got 1"},
	} {
		got := iris(t, "", append([]string{"bench", "network"}, strings.Fields(row.line)...)...)
		if got.code != exitUsage || !strings.Contains(got.err, row.want) {
			t.Errorf("%s: got %+v, want %s", row.line, got, row.want)
		}
	}
}

func TestNetworkTable(t *testing.T) {
	r := network.Result{Nodes: 20, Seeds: 2, Transport: "quic", Met: &network.Met{Starts: 3.0004, AfterFirst: 4.2, AfterLast: 1.2}}
	want := `20 nodes over quic, which join 2 of them
the last was started  3s after the first
all know all          1.2s after the last start, 4.2s after the first

a node at rest  not measured

requests from node to node  not measured

nodes that are lost  not measured

log  0 warnings, 0 errors
`
	if got := networkTable(&r); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	for _, row := range []struct {
		result network.Result
		want   string
	}{
		{network.Result{}, "\nall know all  not measured\n"},
		{network.Result{Known: &network.Spread{Min: 3, Median: 7, Max: 9}}, "\nall know all  not in time: a node knows 7 others, at least 3 and at most 9\n"},
	} {
		if got := networkTable(&row.result); !strings.Contains(got, row.want) {
			t.Errorf("got\n%s\nwant\n%s in it", got, row.want)
		}
	}
	r.Links = &network.Spread{Min: 1, Median: 18.6, Max: 19}
	r.Rest = &network.Rest{
		Seconds: 20.01, Processor: network.Spread{Median: 0.012, Max: 0.034}, Switches: network.Spread{Median: 300, Max: 1000},
		RSS: network.Spread{Median: 26e6, Max: 27e6}, PSS: network.Spread{Median: 9e6, Max: 10e6},
		Traffic: network.Traffic{Datagrams: 19, Segments: 0.5, Bytes: 2100},
	}
	r.Requests = &network.Requests{Pairs: 9, Each: 10, First: network.Times{P50: 900, P99: 1100.4, Max: 2000}, Later: network.Times{P50: 200}}
	r.Losses = []network.Loss{{How: network.Killed, Known: 1.5, Answered: 0.2, Answer: "member\x1blost", Next: 0.3}, {How: network.Silenced, Known: 2}}
	r.Log = network.Log{Warnings: 3, Messages: []network.Message{{Level: "WARN", Text: "slow", Count: 3}}}
	r.LossesLog = &network.Log{Errors: 1}
	want = `20 nodes over quic, which join 2 of them
the last was started  3s after the first
all know all          1.2s after the last start, 4.2s after the first

a node at rest, for 20 s         median  most
processor, % of a core           1.20    3.40
context switches a second        300     1000
resident memory (RSS), MB        26.0    27.0
of which its share (PSS), MB     9.0     10.0
links to other nodes             19      19
sent by the host, for each node  19.0 UDP datagrams, 0.5 TCP segments, 2.1 kB a second

requests from node to node, 9 pairs  p50    p99    most
the first of a pair                  900µs  1.1ms  2ms
10 more of each, one at a time       200µs  0s     0s

a node that is  all know it dead  a request in hand is answered  the next one is
killed          1.5s              200ms: member\x1blost          300ms
silenced        2s                not measured                   not measured

log  3 warnings, 0 errors
     3 × WARN slow

log while nodes were lost  0 warnings, 1 errors
`
	if got := networkTable(&r); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}
