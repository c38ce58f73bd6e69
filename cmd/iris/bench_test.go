package main

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/project-iris/iris/cmd/internal/load"
)

func TestBench(t *testing.T) {
	nodes := startNetwork(t, "tcp", 2)
	for _, workload := range []string{"request", "publish", "broadcast", "tunnel"} {
		got := iris(t, "", "bench", "-at", nodes[0].port, "-serve", nodes[1].port, "-members", "2",
			"-for", "200ms", "-warmup", "0", "-rate", "200", "-json", workload)
		var r load.Result
		if err := json.Unmarshal([]byte(got.out), &r); err != nil {
			t.Fatalf("%s: %v in %+v", workload, err, got)
		}
		if got.code != exitGood || r.Services != 2 || r.Sent != 40 || r.Received < r.Sent || r.Latency.P50 <= 0 {
			t.Errorf("%s: %+v", workload, got)
		}
	}
	got := iris(t, "", "bench", "-at", nodes[0].port, "-for", "50ms", "-warmup", "0", "request")
	if got.code != exitGood || !strings.Contains(got.out, "0 lost, 0 duplicated") {
		t.Errorf("as text: %+v", got)
	}
}

// Requests beside something else: both are measured, each in a line.
func TestBenchBeside(t *testing.T) {
	nodes := startNetwork(t, "tcp", 2)
	for _, beside := range []string{"publish", "broadcast", "tunnel"} {
		got := iris(t, "", "bench", "-at", nodes[0].port, "-serve", nodes[1].port, "-members", "2",
			"-for", "200ms", "-warmup", "0", "-rate", "200", "-beside", beside, "-beside-size", "999", "-json", "request")
		first, second, _ := strings.Cut(got.out, "\n")
		var of, other load.Result
		if err := errors.Join(json.Unmarshal([]byte(first), &of), json.Unmarshal([]byte(second), &other)); err != nil {
			t.Fatalf("%s: %v in %+v", beside, err, got)
		}
		if got.code != exitGood || of.Sent != 40 || of.Size != 128 || string(other.Workload) != beside || other.Size != 999 || other.Received == 0 {
			t.Errorf("%s: %+v", beside, got)
		}
	}
	for _, args := range [][]string{{"-beside", "publish", "publish"}, {"-beside", "request", "request"}, {"-beside", "dance", "request"}} {
		if got := iris(t, "", append([]string{"bench", "-at", nodes[0].port}, args...)...); got.code != exitUsage {
			t.Errorf("%q: %+v", args, got)
		}
	}
}
