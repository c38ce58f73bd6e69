package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"math"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/project-iris/iris/cmd/internal/load"
	"github.com/project-iris/iris/relay/client"
	relaywire "github.com/project-iris/iris/relay/wire"
)

var (
	monitoring    = flag.Bool("monitoring", false, "run the test with a real Prometheus, which has to be installed: make monitoring")
	monitoringFor = flag.Duration("monitoring-for", time.Minute, "time of the load that Prometheus watches")
)

const (
	monitorEvery = time.Second
	// monitorTolerance is by how much Prometheus may differ from what the load has counted: the
	// load does not count the messages by which it looks for a way. There is one for each try, every
	// 10 ms, until each service has heard of each caller.
	monitorTolerance = 0.001
	monitorProbes    = 100
)

// A prometheus is a server of the real Prometheus.
type prometheus struct {
	t   *testing.T
	url string
}

// startPrometheus has a real Prometheus scrape nodes, and evaluate the rules.
func startPrometheus(t *testing.T, nodes []*netNode) *prometheus {
	t.Helper()
	path, err := exec.LookPath("prometheus")
	if err != nil {
		t.Fatal("prometheus is missing: apt-get install prometheus")
	}
	rules, err := filepath.Abs("../../docs/monitoring/rules.yml")
	if err != nil {
		t.Fatal(err)
	}
	dir, port := t.TempDir(), freePort(t)
	targets := make([]string, len(nodes))
	for i, n := range nodes {
		targets[i] = strconv.Quote(strings.TrimPrefix(n.admin, "http://"))
	}
	config := fmt.Sprintf("global: {scrape_interval: %v, evaluation_interval: %v}\nrule_files: [%q]\nscrape_configs:\n- job_name: iris\n  static_configs:\n  - targets: [%s]\n",
		monitorEvery, monitorEvery, rules, strings.Join(targets, ", "))
	file := filepath.Join(dir, "prometheus.yml")
	if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	startDaemon(t, port, exec.Command(path, "--config.file="+file, "--storage.tsdb.path="+filepath.Join(dir, "data"),
		"--web.listen-address=127.0.0.1:"+port, "--enable-feature=native-histograms", "--log.level=warn"))
	p := &prometheus{t, "http://127.0.0.1:" + port}
	for began := time.Now(); ; {
		response, err := http.Get(p.url + "/-/ready")
		if err == nil {
			response.Body.Close()
			if response.StatusCode == http.StatusOK {
				return p
			}
		}
		if time.Since(began) > 30*time.Second {
			t.Fatalf("Prometheus is not ready within 30 s: %v", err)
		}
		time.Sleep(100 * time.Millisecond) // nobody tells when it is
	}
}

// A sample is a series at a moment.
type sample struct {
	Metric    map[string]string
	Value     [2]any // time and value, as text
	Histogram [2]any // as Value; empty: it is none
}

// ask asks the HTTP API, whose answers have a status and data.
func (p *prometheus) ask(path string, data any) error {
	response, err := http.Get(p.url + path)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return err
	}
	answer := struct {
		Status, Error string
		Data          any
	}{Data: data}
	if err := json.Unmarshal(body, &answer); err != nil || answer.Status != "success" {
		return fmt.Errorf("prometheus says %s: %.300s (%v)", response.Status, body, err)
	}
	return nil
}

// query evaluates an expression now.
func (p *prometheus) query(expression string) ([]sample, error) {
	var data struct{ Result []sample }
	err := p.ask("/api/v1/query?query="+url.QueryEscape(expression), &data)
	return data.Result, err
}

// value evaluates an expression that has one value, or none, which is zero.
func (p *prometheus) value(expression string) float64 {
	p.t.Helper()
	all, err := p.query(expression)
	if err != nil || len(all) > 1 {
		p.t.Fatalf("%s: %v, %v", expression, all, err)
	}
	if len(all) == 0 {
		return 0
	}
	text, _ := all[0].Value[1].(string)
	v, err := strconv.ParseFloat(text, 64)
	if err != nil {
		p.t.Fatalf("%s is %v", expression, all[0])
	}
	return v
}

// awaitScrapes returns when each node was scraped after this call began.
func (p *prometheus) awaitScrapes(nodes int) {
	p.t.Helper()
	began := time.Now()
	for time.Since(began) < 30*time.Second {
		var data struct {
			ActiveTargets []struct {
				Health     string
				LastScrape time.Time
				LastError  string
			}
		}
		if err := p.ask("/api/v1/targets?state=active", &data); err != nil {
			p.t.Fatal(err)
		}
		fresh := 0
		for _, target := range data.ActiveTargets {
			if target.Health == "up" && target.LastScrape.After(began) {
				fresh++
			}
		}
		if fresh == nodes {
			return
		}
		time.Sleep(100 * time.Millisecond) // nobody tells when Prometheus has scraped
	}
	p.t.Fatal("Prometheus has not scraped all nodes within 30 s")
}

// benched runs iris bench, and returns what it has counted; that messages are missing is no error.
func benched(t *testing.T, args ...string) (r load.Result) {
	t.Helper()
	got := iris(t, "", append([]string{"bench", "-json", "-for", monitoringFor.String()}, args...)...)
	if err := json.Unmarshal([]byte(got.out), &r); err != nil || got.code == exitUsage {
		t.Fatalf("bench %v: %+v", args, got)
	}
	return r
}

// deafSubscriber subscribes and reads nothing until it is told that all was sent. It returns how many
// events it has got then, and how many events it has sent itself to see the end.
func deafSubscriber(t *testing.T, n *netNode, topic string) (got func(end string) (events, ends int)) {
	c := n.culprit(t, "")
	m := relaywire.Subscribe{Topic: []byte(topic)}
	c.send(m.Append(nil))
	return func(end string) (events, ends int) {
		m := relaywire.Publish{Topic: []byte(topic), Event: []byte(end)}
		b := m.Append(nil)
		for {
			// The node drops while there is no room, the end too: it is sent until it comes.
			c.send(b)
			ends++
			message, err := c.reader.Read()
			if err != nil {
				t.Fatal(err)
			}
			event, ok := message.(*relaywire.Publish)
			if ok && string(event.Event) == end {
				return events, ends
			}
			if ok {
				events++
			}
		}
	}
}

// near compares what Prometheus has with what the load has counted.
func (p *prometheus) near(what, expression string, counted, probes float64) {
	p.t.Helper()
	got := p.value(expression)
	p.t.Logf("%s: Prometheus has %.0f, the load has counted %.0f", what, got, counted)
	if got < counted || got > counted*(1+monitorTolerance)+probes || math.IsNaN(got) {
		p.t.Errorf("%s: Prometheus has %.0f (%s), the load has counted %.0f", what, got, expression, counted)
	}
}

// What a real Prometheus has of three nodes under load is what the load has counted; what it has lost
// was dropped for reasons that are counted; and each expression of board and rules returns something.
func TestPrometheusSeesWhatTheLoadCounts(t *testing.T) {
	if !*monitoring {
		t.Skip("make monitoring runs it")
	}
	nodes := startNetwork(t, "quic,tcp", 3, "-http", "127.0.0.1:0", "-queue", "262144", "-discover", "none",
		"-stall", "10m") // longer than the load: the one who reads nothing is to stay
	p := startPrometheus(t, nodes)
	at := nodes[0].port + "," + nodes[1].port + "," + nodes[2].port
	p.awaitScrapes(len(nodes))

	const events, size, topic = 1000, 4096, "deaf"
	got := deafSubscriber(t, nodes[1], topic)
	publisher, err := client.Connect(t.Context(), nodes[1].config())
	if err != nil {
		t.Fatal(err)
	}
	defer publisher.Close()
	for range events {
		if err := publisher.Publish(t.Context(), topic, make([]byte, size)); err != nil {
			t.Fatal(err)
		}
	}

	var requests, published, broadcasts load.Result
	var work sync.WaitGroup
	work.Go(func() { requests = benched(t, "-at", at, "-rate", "1000", "request") })
	work.Go(func() { published = benched(t, "-at", at, "-rate", "1000", "publish") })
	work.Go(func() { broadcasts = benched(t, "-at", at, "-rate", "300", "broadcast") })
	if *monitoringFor > 10*time.Second {
		time.Sleep(*monitoringFor / 2) // in the middle of the load all series move
	}
	p.evaluateAll()
	p.checkLatencies()
	work.Wait()
	arrived, ends := got("end")
	missed := events - arrived
	p.awaitScrapes(len(nodes))

	for _, r := range []load.Result{requests, published, broadcasts} {
		t.Logf("%s: %d sent, %d received, %d lost", r.Workload, r.Sent, r.Received, r.Lost)
		if r.Sent == 0 {
			t.Fatal("nothing was sent")
		}
	}
	p.near("requests", "sum(iris_requests_total)", float64(requests.Sent), monitorProbes)
	p.near("replies", `sum(iris_results_total{result="reply"})`, float64(requests.Received), monitorProbes)
	// A cluster has series as long as it has members; what was not scraped before its end is in "other".
	p.near("requests that members got", "sum(last_over_time(iris_cluster_requests_total[1h]))", float64(requests.Sent), monitorProbes)
	p.near("broadcasts", "sum(iris_broadcasts_sent_total)", float64(broadcasts.Sent), monitorProbes)
	p.near("broadcasts that arrived", "sum(iris_broadcasts_delivered_total)", float64(broadcasts.Received), 3*monitorProbes)
	p.near("events", "sum(iris_events_published_total)", float64(published.Sent+events+int64(ends)), monitorProbes)
	p.near("events that arrived", "sum(iris_events_delivered_total)", float64(published.Received+events+int64(ends)), 3*monitorProbes)

	// What was lost has its reason, one for one. Of the ends of the deaf subscriber some are lost too.
	lost := published.Lost + broadcasts.Lost + int64(missed)
	if missed < events/2 {
		t.Errorf("a subscriber that does not read has missed only %d of %d events", missed, events)
	}
	p.near("drops", `sum(iris_dropped_total{reason=~"(event|broadcast)_slow_receiver|send_no_room|copy_no_room|copy_late"})`, float64(lost), float64(ends))
	checkMetrics(t, nodes)
}

// checkLatencies looks at the native histograms while there is load: each answer is in them.
func (p *prometheus) checkLatencies() {
	p.t.Helper()
	const inFlight = 16
	asked := p.value("sum(iris_cluster_requests_total)")
	open := p.value("sum(iris_cluster_requests_total) - histogram_count(sum(iris_cluster_latency_seconds))")
	p50, p99 := p.value("histogram_quantile(0.5, sum(iris_cluster_latency_seconds))"), p.value("histogram_quantile(0.99, sum(iris_cluster_latency_seconds))")
	p.t.Logf("latencies: p50 %.3g s, p99 %.3g s; %.0f requests, %.0f of them open", p50, p99, asked, open)
	if asked < 100 || open < 0 || open > inFlight*3 || p50 <= 0 || p99 < p50 || p99 > 10 {
		p.t.Error("these latencies cannot be")
	}
}

// checkMetrics has promtool look at what the nodes say.
func checkMetrics(t *testing.T, nodes []*netNode) {
	t.Helper()
	for i, n := range nodes {
		response, err := http.Get(n.admin + "/metrics")
		if err != nil {
			t.Fatal(err)
		}
		check := exec.Command("promtool", "check", "metrics")
		check.Stdin = response.Body
		said, err := check.CombinedOutput()
		response.Body.Close()
		if err != nil || len(said) > 0 {
			t.Errorf("promtool check metrics, node %d: %v\n%s", i, err, said)
		}
	}
}

// selector is a metric of an expression, with its labels.
var selector = regexp.MustCompile(`\b(?:iris|process|up)(?:_[a-z_]+)?\b(?:\{[^}]*\})?`)

// evaluateAll evaluates all expressions of board and rules. Those of the board have to return
// something, and so have the series that alerts are about: an alert itself returns something if it
// is raised.
func (p *prometheus) evaluateAll() {
	p.t.Helper()
	raw, err := os.ReadFile("../../docs/monitoring/dashboard.json")
	if err != nil {
		p.t.Fatal(err)
	}
	var board struct {
		Panels []struct {
			Title   string
			Targets []struct{ Expr string }
		}
	}
	if err := json.Unmarshal(raw, &board); err != nil {
		p.t.Fatal(err)
	}
	p.t.Log("evaluates the expressions")
	variables := strings.NewReplacer("$__rate_interval", "10s", "$job", "iris", "$instance", ".*")
	number := 0
	something := func(of, expression string) {
		p.t.Helper()
		number++
		if all, err := p.query(expression); err != nil || len(all) == 0 {
			p.t.Errorf("%s: %s returns nothing (%v)", of, expression, err)
		}
	}
	for _, panel := range board.Panels {
		for _, target := range panel.Targets {
			something("panel "+panel.Title, variables.Replace(target.Expr))
		}
	}
	var data struct {
		Groups []struct {
			Rules []struct{ Name, Query, Health, LastError string }
		}
	}
	if err := p.ask("/api/v1/rules", &data); err != nil {
		p.t.Fatal(err)
	}
	rules := 0
	for _, group := range data.Groups {
		for _, rule := range group.Rules {
			rules++
			if rule.Health != "ok" {
				p.t.Errorf("alert %s is %s: %s", rule.Name, rule.Health, rule.LastError)
			}
			for _, series := range selector.FindAllString(rule.Query, -1) {
				something("alert "+rule.Name, series)
			}
		}
	}
	if number < 50 || rules < 10 {
		p.t.Errorf("only %d expressions and %d rules were looked at", number, rules)
	}
	p.t.Logf("%d expressions and series, %d rules", number, rules)
}
