package node

import (
	"net/http"
	"runtime"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/project-iris/iris/node/status"
	"github.com/project-iris/iris/overlay/traffic"
)

// scrapesAtOnce is how many scrapes are answered at a time.
const scrapesAtOnce = 4

// metrics returns what answers Prometheus. All is read when it asks: between two scrapes the
// metrics cost nothing.
func (n *Node) metrics() http.Handler {
	registry := prometheus.NewRegistry()
	registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}), &collector{node: n})
	return promhttp.HandlerFor(registry, promhttp.HandlerOpts{MaxRequestsInFlight: scrapesAtOnce, ErrorLog: newAdminLog(n.config.Logger)})
}

// describe makes the description of a metric.
func describe(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc("iris_"+name, help, labels, nil)
}

// The metrics. Names of clusters are as [status.Text] has them.
var (
	descBuild    = describe("build_info", "The program that runs, always 1.", "version", "goversion")
	descUp       = describe("up_seconds", "Time since the node was started.")
	descStuck    = describe("stuck", "Whether a part of the node does not answer.")
	descDraining = describe("draining", "Whether the node is being stopped.")
	descDeaf     = describe("deaf_transports", "Transports by which others cannot reach the node.")
	descProblems = describe("problems", "What is not well, as iris status says it.")

	descReasons = describe("dropped_total", "What was dropped, refused or ended, by reason; node/status has what each counts.", "reason")

	descAsked      = describe("requests_total", "Requests that applications here have asked.")
	descResults    = describe("results_total", "How requests ended that applications here have asked.", "result")
	descPublished  = describe("events_published_total", "Events that applications here have published.")
	descEvents     = describe("events_delivered_total", "Events for applications here, once for each; those that were dropped included.")
	descBroadcasts = describe("broadcasts_sent_total", "Broadcasts that applications here have sent.")
	descDelivered  = describe("broadcasts_delivered_total", "Broadcasts for applications here, once for each; those that were dropped included.")
	descTunnels    = describe("tunnels_total", "Tunnels that applications here have built.")

	descWaiting      = describe("waiting_requests", "Requests that wait here for a member, or for room at one.")
	descWaitingBytes = describe("waiting_requests_bytes", "Bytes of these.")
	descWaitingTuns  = describe("waiting_tunnels", "Tunnels that wait here for a member.")
	descUnderWay     = describe("under_way", "Requests and tunnels that other nodes have in hand for applications here.")
	descQueued       = describe("queued_bytes", "Bytes that wait for applications here to read them.")

	descMembers = describe("members", "Other nodes of the network.")
	descLinks   = describe("links", "Links to other nodes.")
	descUnsent  = describe("links_waiting_bytes", "Bytes that wait to be written to links.")
	descApps    = describe("applications", "Applications that are attached.")
	descNames   = describe("names", "Clusters and topics that applications here serve or use.", "kind")

	descOthers   = describe("clusters_other", "Clusters that are counted together, as the cluster \"other\".")
	descServed   = describe("cluster_requests_total", "Requests that members here were given.", "cluster")
	descFailures = describe("cluster_failures_total", "Of these: answered by a fault, late, or lost with their member.", "cluster", "reason")
	descFull     = describe("cluster_refusals_total", "Requests for which a member here had no room; they went elsewhere or waited.", "cluster")
	descLatency  = describe("cluster_latency_seconds", "Time from when a member was given a request to its answer.", "cluster")
)

// otherClusters is the label of those without series of their own. A cluster of that name has a
// backslash in front, which no other one has: Text doubles those.
const otherClusters = "other"

func clusterLabel(name string) string {
	if name == otherClusters {
		return `\other`
	}
	return status.Text(name)
}

// collector reads a node for Prometheus.
type collector struct {
	node *Node
	top  top
}

// Describe sends nothing: which series there are depends on the clusters.
func (c *collector) Describe(chan<- *prometheus.Desc) {}

// Collect sends all metrics.
func (c *collector) Collect(to chan<- prometheus.Metric) {
	n := c.node
	gauge := func(d *prometheus.Desc, v float64, labels ...string) {
		to <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
	}
	count := func(d *prometheus.Desc, v uint64, labels ...string) {
		to <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, float64(v), labels...)
	}
	gauge(descBuild, 1, ThisBuild().Version, runtime.Version())
	gauge(descUp, time.Since(n.started).Seconds())
	s := n.Status()
	gauge(descStuck, truth(s.Stuck != ""))
	if s.Stuck != "" {
		return
	}
	gauge(descDraining, truth(s.Draining))
	gauge(descDeaf, float64(len(s.Deaf)))
	gauge(descProblems, float64(len(s.Problems)))
	for _, r := range status.Reasons {
		count(descReasons, s.Reasons[r.Reason], string(r.Reason))
	}
	count(descAsked, s.Done.Requests)
	count(descResults, s.Done.Replies, "reply")
	count(descResults, s.Done.Faults, "fault")
	count(descResults, s.Done.Timeouts, "timeout")
	count(descPublished, s.Done.Published)
	count(descEvents, s.Done.EventsDelivered)
	count(descBroadcasts, s.Done.Broadcasts)
	count(descDelivered, s.Done.BroadcastsDelivered)
	count(descTunnels, s.Done.Tunnels)
	gauge(descWaiting, float64(s.Waiting.Requests))
	gauge(descWaitingBytes, float64(s.Waiting.RequestBytes))
	gauge(descWaitingTuns, float64(s.Waiting.Tunnels))
	gauge(descUnderWay, float64(s.Waiting.UnderWay))
	gauge(descQueued, float64(s.Waiting.QueuedBytes))
	gauge(descMembers, float64(len(s.Members)+s.MembersLeft))
	gauge(descLinks, float64(len(s.Links)+s.LinksLeft))
	unsent := 0
	for _, l := range s.Links {
		unsent += l.WaitingBytes
	}
	gauge(descUnsent, float64(unsent))
	gauge(descApps, float64(len(s.Applications)+s.ApplicationsLeft))
	stats := n.overlay.NameStats()
	gauge(descNames, float64(stats.Clusters), status.Cluster)
	gauge(descNames, float64(stats.Topics), status.Topic)

	shown, other, others := c.top.look(n.overlay.Served())
	gauge(descOthers, float64(others))
	for i := range shown {
		cluster(to, count, clusterLabel(shown[i].name), &shown[i].counts)
	}
	cluster(to, count, otherClusters, &other)
}

// cluster sends the metrics of a cluster.
func cluster(to chan<- prometheus.Metric, count func(*prometheus.Desc, uint64, ...string), label string, c *traffic.ServedCounts) {
	count(descServed, c.Requests, label)
	count(descFailures, c.Faults, label, "fault")
	count(descFailures, c.Late, label, "late")
	count(descFailures, c.Lost, label, "lost")
	count(descFull, c.Refused, label)
	buckets := make(map[int]int64)
	for i, n := range c.Latency.Buckets {
		if n > 0 {
			buckets[traffic.First+i] = int64(n)
		}
	}
	const zeroThreshold = 1e-9
	m, err := prometheus.NewConstNativeHistogram(descLatency, c.Latency.Count, c.Latency.Sum.Seconds(), buckets, nil, 0,
		traffic.Schema, zeroThreshold, time.Time{}, label)
	if err != nil {
		m = prometheus.NewInvalidMetric(descLatency, err)
	}
	to <- m
}

func truth(b bool) float64 {
	if b {
		return 1
	}
	return 0
}
