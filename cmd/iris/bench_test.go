package main

import (
	"encoding/json"
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
