package main

import (
	"encoding/json"
	"net/http"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/project-iris/iris/node/status"
)

// A node is asked over its socket, and told what to do: the commands, in the order in which one
// uses them at night.
func TestCommandsAskTheNode(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "s")
	n := start(t, nil, "-dev", "-port", "0", "-control", socket, "-http", "127.0.0.1:0")
	ready := n.err.next(t, "ready")
	port := regexp.MustCompile(`port=(\d+)`).FindStringSubmatch(ready)[1]
	admin := regexp.MustCompile(`http=(\S+)`).FindStringSubmatch(ready)[1]
	service := start(t, nil, "reply", "-port", port, "-text", "pong", "evil\x1b[31m\n")
	service.err.next(t, "serving")
	for range 3 {
		if r := iris(t, "", "request", "-port", port, "evil\x1b[31m\n", "ping"); r.out != "pong\n" {
			t.Fatalf("request: %+v", r)
		}
	}
	ask := func(args ...string) result { return iris(t, "", append(args, "-control", socket)...) }
	if r := ask("status"); r.code != exitGood || !strings.HasPrefix(r.out, "All is well.\n") {
		t.Errorf("status: %+v", r)
	}
	for _, local := range []string{"-local=no", "-local"} {
		var all status.Network
		if r := ask("status", "-json", local); json.Unmarshal([]byte(r.out), &all) != nil || len(all.Nodes) != 1 || all.Nodes[0].Done.Requests != 3 {
			t.Errorf("status -json: %+v", r)
		}
	}
	if r := ask("names", `evil*\n`); !regexp.MustCompile(`(?m)^evil\\x1b\[31m\\n +cluster +1 at 1 `).MatchString(r.out) {
		t.Errorf("names: %+v", r)
	}
	if r := ask("names", "good*"); strings.Count(r.out, "\n") != 1 {
		t.Errorf("names that there are not: %+v", r)
	}
	if r := ask("explain", "evil\x1b[31m\n"); r.code != exitGood || !strings.HasPrefix(r.out, `evil\x1b[31m\n: a request from node `) || !strings.Contains(r.out, "100%  here 127.0.0.1:") {
		t.Errorf("explain: %+v", r)
	}
	var e status.Explanation
	if r := ask("explain", "-json", "nobody & co"); json.Unmarshal([]byte(r.out), &e) != nil || e.Cluster != "nobody & co" || e.Verdict != status.Nobody {
		t.Errorf("explain -json: %+v", r)
	}
	if r := ask("explain"); r.code != exitUsage {
		t.Errorf("explain without a name: %+v", r)
	}
	if r := ask("doctor", "-v"); !strings.Contains(r.out, " descriptors: ") {
		t.Errorf("doctor: %+v", r)
	}
	if r := ask("apps"); !strings.Contains(r.out, ` evil\x1b[3…  `) {
		t.Errorf("apps: %+v", r)
	}
	for _, args := range [][]string{{"members"}, {"links"}, {"log-level", "debug"}} {
		if r := ask(args...); r.code != exitGood || r.out == "" {
			t.Errorf("%v: %+v", args, r)
		}
	}
	if r := ask("log-level"); r.out != "debug\n" {
		t.Errorf("log-level: %+v", r)
	}
	response, err := http.Post("http://"+admin+"/v1/drain", "", nil)
	if err != nil || response.StatusCode != http.StatusMethodNotAllowed {
		t.Errorf("drain over HTTP: %v, %v", response, err)
	}
	response.Body.Close()
	if r := ask("drain"); r.out != "draining\n" {
		t.Errorf("drain: %+v", r)
	}
	if code := n.wait(); code != exitGood {
		t.Errorf("the node has ended with %d", code)
	}
	if r := ask("status"); r.code != exitFailed || !strings.Contains(r.err, "no node answers at "+socket) {
		t.Errorf("status without a node: %+v", r)
	}
}

// Each reason for which something was dropped is told, with its number, but for those that cost nothing.
func TestStatusTellsReasons(t *testing.T) {
	for _, r := range status.Reasons {
		var out strings.Builder
		p := &program{out: &out}
		if err := showStatus(p, &status.Network{Nodes: []status.Node{{Reasons: map[status.Reason]uint64{r.Reason: 40}}, {Reasons: map[status.Reason]uint64{r.Reason: 2}}}}, nil); err != nil {
			t.Error(err)
		}
		if told := strings.Contains(out.String(), "  42 "+r.Unit+" "+r.Text+" ("+string(r.Reason)+")\n"); told != (r.Weight != status.Normal) {
			t.Errorf("%s is told: %v\n%s", r.Reason, told, out.String())
		}
	}
}

// Tables fit a terminal of 80 columns, whatever names there are.
func TestTablesFit(t *testing.T) {
	var out strings.Builder
	p := &program{out: &out}
	long := strings.Repeat("ä", 500)
	all := &status.Network{Nodes: []status.Node{{
		Version: "v0.0.0-20261128100000-abcdefabcdef", UptimeSeconds: 9e6,
		Names:        []status.Name{{Name: long, Kind: status.Cluster, Here: 100, PerSecond: 12345, P50Seconds: 0.0123, P99Seconds: 0.123, Waiting: 100}},
		Links:        []status.Link{{Transport: long, SinceSeconds: 9e4, RTTSeconds: 0.02, SentBytes: 1 << 32, ReceivedBytes: 1 << 32, PacketsSent: 1}},
		Applications: []status.App{{Address: "127.0.0.1:55555", Cluster: long, SinceSeconds: 9e4, QueuedBytes: 1 << 22}},
	}}}
	for _, show := range []func(*program, *status.Network, []string) error{showStatus, showNames, showLinks, showApps} {
		if err := show(p, all, nil); err != nil {
			t.Error(err)
		}
	}
	for line := range strings.Lines(out.String()) {
		if n := len([]rune(strings.TrimSuffix(line, "\n"))); n > 80 {
			t.Errorf("%d columns: %s", n, line)
		}
	}
}

func TestPatterns(t *testing.T) {
	for _, row := range []struct {
		pattern, name string
		want          bool
	}{
		{"*", "", true},
		{"a", "a", true},
		{"a", "ab", false},
		{"a*", "ab", true},
		{"*b", "ab", true},
		{"*b", "ba", false},
		{"a*c", "abc", true},
		{"a*b*c", "a-b-c", true},
		{"a*b*c", "acb", false},
		{"aba", "ab", false},
		{"ab*ba", "aba", false},
	} {
		if got := fits(row.pattern, row.name); got != row.want {
			t.Errorf("%q fits %q: %v", row.name, row.pattern, got)
		}
	}
}
