package node

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"github.com/project-iris/iris/node/status"
	"github.com/project-iris/iris/transport/identity"
)

// readMonitoring returns a file of docs/monitoring.
func readMonitoring(t *testing.T, name string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("../docs/monitoring", name))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// expressions returns those of the board.
func expressions(t *testing.T, board string) (all []string) {
	t.Helper()
	var b struct {
		Panels []struct{ Targets []struct{ Expr string } }
	}
	if err := json.Unmarshal([]byte(board), &b); err != nil {
		t.Fatal(err)
	}
	for _, p := range b.Panels {
		for _, target := range p.Targets {
			all = append(all, target.Expr)
		}
	}
	return all
}

// metricName finds metrics of nodes in expressions.
var metricName = regexp.MustCompile(`\b(?:iris|process|go)_[a-z_]+`)

// All metrics that rules and board are about are there.
func TestMonitoringKnowsTheMetrics(t *testing.T) {
	registry := prometheus.NewRegistry()
	n, err := Start(Config{Network: "monitoring", Key: identity.Generate(), Port: AnyPort})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(n.Close)
	registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}), &collector{node: n})
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	there, reasons := make(map[string]bool), make(map[string]bool)
	for _, f := range families {
		there[f.GetName()] = true
		for _, m := range f.GetMetric() {
			for _, label := range m.GetLabel() {
				if f.GetName() == "iris_dropped_total" {
					reasons[label.GetValue()] = true
				}
			}
		}
	}
	for _, r := range status.Reasons {
		if !reasons[string(r.Reason)] {
			t.Errorf("/metrics lacks the reason %s", r.Reason)
		}
	}
	asked := append(expressions(t, readMonitoring(t, "dashboard.json")), readMonitoring(t, "rules.yml"), readMonitoring(t, "tests.yml"), readMonitoring(t, "README.md"))
	used := make(map[string]bool)
	for _, expression := range asked {
		for _, name := range metricName.FindAllString(expression, -1) {
			used[name] = true
			if !there[name] {
				t.Errorf("there is no metric %s, which docs/monitoring has in %.100q", name, expression)
			}
		}
	}
	for name := range there {
		if strings.HasPrefix(name, "iris_") && !used[name] {
			t.Errorf("neither board nor rules have %s: what is it for?", name)
		}
	}
}

var (
	alertLine  = regexp.MustCompile(`(?m)^ +- alert: (\w+)$`)
	testedLine = regexp.MustCompile(`(?m)^ +alertname: (\w+)\n +exp_alerts:`)
	silentLine = regexp.MustCompile(`(?m)^ +- \{eval_time: \w+, alertname: (\w+)\}$`)
	entryLine  = regexp.MustCompile("(?m)^\\| `(\\w+)` \\| [^|]+ \\| [^|]+ \\|$")
	lostReason = regexp.MustCompile(`reason=~"([^"]*event_slow_receiver[^"]*)"`)
)

// found returns what an expression finds in a text, sorted, each once.
func found(expression *regexp.Regexp, text string) []string {
	var all []string
	for _, m := range expression.FindAllStringSubmatch(text, -1) {
		all = append(all, m[1])
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// Each alert has tests in which it is raised and in which it is not, and a line that says what it
// means and what to do; and there are no others.
func TestEachAlertIsTestedAndDocumented(t *testing.T) {
	alerts := found(alertLine, readMonitoring(t, "rules.yml"))
	if len(alerts) == 0 {
		t.Fatal("there are no alerts")
	}
	tests, page := readMonitoring(t, "tests.yml"), readMonitoring(t, "README.md")
	for what, names := range map[string][]string{
		"tests in which it is raised": found(testedLine, tests), "tests in which it is silent": found(silentLine, tests), "entries in README.md": found(entryLine, page),
	} {
		if !slices.Equal(names, alerts) {
			t.Errorf("alerts are\n%v\n%s are of\n%v", alerts, what, names)
		}
	}
}

// What applications miss raises an alert, whatever the reason.
func TestAllLossesRaiseAnAlert(t *testing.T) {
	var lost []string
	for _, r := range status.Reasons {
		if r.Weight == status.Lost {
			lost = append(lost, string(r.Reason))
		}
	}
	slices.Sort(lost)
	m := lostReason.FindStringSubmatch(readMonitoring(t, "rules.yml"))
	if m == nil {
		t.Fatal("no alert has the reasons")
	}
	if alerted := slices.Sorted(slices.Values(strings.Split(m[1], "|"))); !slices.Equal(alerted, lost) {
		t.Errorf("IrisLoses has\n%v\nand what is lost is\n%v", alerted, lost)
	}
}
