package main

import (
	"bytes"
	"encoding/json"
	"log"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// kubernetes is what a container gets beside services named iris and iris-admin, and what
// links of Docker add.
var kubernetes = map[string]string{
	"IRIS_SERVICE_HOST":             "10.96.0.7",
	"IRIS_SERVICE_PORT":             "55555",
	"IRIS_SERVICE_PORT_PEERS":       "14142",
	"IRIS_PORT":                     "tcp://10.96.0.7:55555",
	"IRIS_PORT_55555_TCP":           "tcp://10.96.0.7:55555",
	"IRIS_PORT_55555_TCP_ADDR":      "10.96.0.7",
	"IRIS_PORT_55555_TCP_PORT":      "55555",
	"IRIS_PORT_55555_TCP_PROTO":     "tcp",
	"IRIS_PORT_14142_UDP":           "udp://[fd00::7]:14142",
	"IRIS_ADMIN_PORT":               "tcp://10.96.0.8:80",
	"IRIS_ADMIN_SERVICE_HOST":       "10.96.0.8",
	"IRIS_ADMIN_PORT_80_TCP":        "tcp://10.96.0.8:80",
	"IRIS_ADMIN_PORT_80_TCP_ADDR":   "10.96.0.8",
	"IRIS_ADMIN_SERVICE_PORT_HTTP2": "80",
	"IRIS_NAME":                     "/web/iris",
	"IRIS_ENV_PATH":                 "/usr/bin",
}

func setAll(t *testing.T, variables map[string]string) {
	t.Helper()
	for name, value := range variables {
		t.Setenv(name, value)
	}
}

// Beside a service named iris every command reads its arguments, which are wrong here, and
// says in one line what it ignores.
func TestVariablesOfServicesAreIgnored(t *testing.T) {
	setAll(t, kubernetes)
	for _, row := range []struct {
		line, want string
		warnings   int // of commands that have -port
	}{
		{"", "which network?", 0}, // it has a log for that, as soon as it runs
		{"request", "wants CLUSTER", 1},
		{"reply", "wants the name of a CLUSTER", 1},
		{"broadcast", "wants a name", 1},
		{"publish", "wants a name", 1},
		{"subscribe", "at least one TOPIC", 1},
		{"tunnel", "the name of one CLUSTER", 1},
		{"members x", "wants no arguments", 1},
		{"bench", "one workload", 0},
		{"keygen", "one file", 0},
	} {
		got := iris(t, "", strings.Fields(row.line)...)
		if got.code != exitUsage || !strings.Contains(got.err, row.want) {
			t.Errorf("iris %s: %+v; want %d and %q", row.line, got, exitUsage, row.want)
		}
		if row.line == "" {
			continue
		}
		said := strings.Count(got.err, `iris: IRIS_PORT="tcp://10.96.0.7:55555" is not used: Kubernetes and Docker set it`)
		if said != row.warnings || strings.Count(got.err, "is not used") != said {
			t.Errorf("iris %s says %q; want %d lines about IRIS_PORT", row.line, got.err, row.warnings)
		}
	}
	if got := iris(t, "", "request", "-port", "1"); strings.Contains(got.err, "IRIS_") {
		t.Errorf("a flag of the command line needs no warning: %s", got.err)
	}
	file := filepath.Join(t.TempDir(), "key")
	if got := iris(t, "", "keygen", file); got.code != exitGood || got.err != "" {
		t.Errorf("keygen: %+v", got)
	}
}

// So does a node, which says it in its log.
func TestANodeBesideAServiceNamedIris(t *testing.T) {
	setAll(t, kubernetes)
	t.Setenv("IRIS_DISCOVERY", "scan")
	t.Setenv("IRIS_LOG_FORMAT", " json ")
	t.Setenv("IRIS_DEV", "Yes")
	t.Setenv("IRIS_RSA", "")
	t.Setenv("IRIS_HTTP", "   ")
	node := start(t, nil, "-bind", "127.0.0.1:0", "-port", "0")
	line := node.err.next(t, "not used")
	var warning struct{ Level, Variable, Why string }
	if err := json.Unmarshal([]byte(line), &warning); err != nil || warning.Level != "WARN" ||
		warning.Variable != "IRIS_DISCOVERY" || !strings.Contains(warning.Why, "did you mean IRIS_DISCOVER?") {
		t.Errorf("%v: got %s", err, line)
	}
	if ready := node.err.next(t, ""); !strings.Contains(ready, `"ready"`) {
		t.Errorf("after that it says %s", ready)
	}
}

func TestServiceLinks(t *testing.T) {
	for name, value := range kubernetes {
		if !isServiceLink(name, value) {
			t.Errorf("%s=%s is none", name, value)
		}
	}
	for name, value := range map[string]string{
		"IRIS_PORT":       "55555",
		"IRIS_JOIN":       "tcp://10.0.0.1:14142",
		"IRIS_HTTP":       "tcp://10.0.0.1:80",
		"IRIS_NAME":       "example",
		"IRIS_STATE":      "/var/lib/iris",
		"IRIS_RELAY_PORT": "55555",
		"IRIS_LOG_LEVEL":  "info",
	} {
		if isServiceLink(name, value) {
			t.Errorf("%s=%s is taken for one", name, value)
		}
	}
}

// What is wrong about a variable names it, its value, and what is expected.
func TestWrongVariables(t *testing.T) {
	for _, row := range []struct{ variable, value, line, want string }{
		{"IRIS_PORT", "x y", "request a b", `iris: IRIS_PORT="x y" is no value for -port: want a whole number`},
		{"IRIS_PORT", "tcp:/10.0.0.1", "-dev", `IRIS_PORT="tcp:/10.0.0.1" is no value for -port: want a whole number`},
		{"IRIS_TIMEOUT", "5", "tunnel a", `IRIS_TIMEOUT="5" is no value for -timeout: want a time with its unit`},
		{"IRIS_RAW", "perhaps", "request a b", `IRIS_RAW="perhaps" is no value for -raw: want true, yes, on or 1`},
		{"IRIS_RATE", "\x1b[2J", "bench request", `IRIS_RATE="\x1b[2J" is no value for -rate: want a number`},
		{"IRIS_PORT", "70000", "-dev", `iris: -port comes from the environment: IRIS_PORT="70000"`},
		{"IRIS_LOG_LEVEL", "loud", "-dev", `iris: -log-level comes from the environment: IRIS_LOG_LEVEL="loud"`},
		{"IRIS_DISCOVER", "none,exec:A=hush list", "-dev", `iris: -discover comes from the environment: IRIS_DISCOVER`},
		{"IRIS_DISCOVER", "Exec:A=hush list", "-dev", `and exec:COMMAND: not "Exec"`},
		{"IRIS_AT", "1,x", "bench request", `-at: "x" is no port of a node: want a number between 1 and 65535`},
		{"IRIS_HTTP", "nowhere", "members", `-http comes from the environment: IRIS_HTTP="nowhere"`},
		{"IRIS_COUNT", strings.Repeat("9", 5000), "subscribe a", `99" is no value for -count`},
	} {
		t.Run(row.variable, func(t *testing.T) {
			t.Setenv(row.variable, row.value)
			got := iris(t, "", strings.Fields(row.line)...)
			if got.code != exitUsage || !strings.Contains(got.err, row.want) || len(got.err) > 500 {
				t.Errorf("iris %s with %s=%.50q: %+v; want %s", row.line, row.variable, row.value, got, row.want)
			}
			if strings.Contains(got.err, "hush") {
				t.Errorf("it tells a secret: %s", got.err)
			}
		})
	}
}

// A variable that no flag has is named, without its value, which may be a secret; of many
// only some are.
func TestUnknownVariables(t *testing.T) {
	t.Setenv("IRIS_PASSWORD", "hush")
	t.Setenv("IRIS_TIME_OUT", "9s")
	got := iris(t, "", "publish", "-port", "1")
	for _, want := range []string{"iris: IRIS_PASSWORD is not used: no flag has this variable\n", "did you mean IRIS_TIMEOUT?\n"} {
		if !strings.Contains(got.err, want) || strings.Contains(got.err, "hush") {
			t.Errorf("got %q, want %q", got.err, want)
		}
	}
	for _, c := range "ABCDEFGH" {
		t.Setenv("IRIS_NOTHING_"+string(c), "")
	}
	if got := iris(t, "", "keygen"); strings.Count(got.err, "not used") != maxUnknown+1 || !strings.Contains(got.err, "no flag has this variable, nor 4 more that begin with IRIS_") {
		t.Errorf("got %q", got.err)
	}
}

// What libraries write to the standard logger has the format of the node's log.
func TestTheStandardLoggerIsTheNodes(t *testing.T) {
	before, flags, writer := slog.Default(), log.Flags(), log.Writer()
	defer func() {
		slog.SetDefault(before)
		log.SetFlags(flags)
		log.SetOutput(writer)
	}()
	var out bytes.Buffer
	p := &program{err: &out, alone: true, signals: make(chan os.Signal)}
	if _, err := p.nodeLog(&nodeFlags{log: logFlags{level: "info", format: "json"}}, new(slog.LevelVar)); err != nil {
		t.Fatal(err)
	}
	log.Print("a library says")
	p.lines.close()
	var line struct{ Level, Msg string }
	if err := json.Unmarshal(out.Bytes(), &line); err != nil || line.Level != "INFO" || line.Msg != "a library says" {
		t.Errorf("%v: got %q", err, out.String())
	}
}
