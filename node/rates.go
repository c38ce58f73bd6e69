package node

import (
	"cmp"
	"context"
	"slices"
	"sync"
	"time"

	"github.com/project-iris/iris/node/status"
	"github.com/project-iris/iris/overlay"
	"github.com/project-iris/iris/overlay/traffic"
)

// rateEvery is between two looks at what names have done: their difference is the rate.
const rateEvery = 10 * time.Second

// rates are how much there was of each name a second, at the last look. They have the names
// that mostRated of each kind have.
type rates struct {
	mu     sync.Mutex
	at     time.Time
	counts map[nameKey]uint64
	rates  map[nameKey]float64

	answers map[*traffic.Served]*traffic.Counts // at the last look
	partial bool                                // there were more clusters then
	took    map[string]quantiles                // between the last two looks, by cluster
}

// quantiles are the median and the 99th percentile of latencies.
type quantiles struct{ p50, p99 time.Duration }

// mostTimed is how many clusters a node keeps recent latencies of: 2 KiB each.
const mostTimed = 256

// mostRated is how many names of each kind a node keeps the rates of; any of them where there
// are more.
const mostRated = 4096

// nameKey is a cluster or a topic.
type nameKey struct{ kind, name string }

// of returns the rate of a name, zero where it is not known.
func (r *rates) of(kind, name string) float64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.rates[nameKey{kind, name}]
}

// latency returns the median and the 99th percentile of what members of a cluster have answered
// between the last two looks, zero where that is not known.
func (r *rates) latency(cluster string) (p50, p99 time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	q := r.took[cluster]
	return q.p50, q.p99
}

// time takes the latencies of a time, of the clusters that were asked most.
func (r *rates) time(served []overlay.Served) {
	partial := len(served) > mostTimed
	if partial {
		slices.SortFunc(served, func(a, b overlay.Served) int {
			return cmp.Or(cmp.Compare(b.Counts.Requests, a.Counts.Requests), cmp.Compare(a.Cluster, b.Cluster))
		})
		served = served[:mostTimed]
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	answers, took := make(map[*traffic.Served]*traffic.Counts, len(served)), make(map[string]quantiles)
	for i := range served {
		now := served[i].Counts.Latency
		answers[served[i].Counter] = &now
		recent := now
		if before := r.answers[served[i].Counter]; before != nil {
			recent.Sub(before)
		} else if r.partial {
			continue // what it has answered was not recently
		}
		if recent.Count > 0 {
			took[served[i].Cluster] = quantiles{recent.Quantile(0.5), recent.Quantile(0.99)}
		}
	}
	r.answers, r.partial, r.took = answers, partial, took
}

// take takes the counts of a time.
func (r *rates) take(now time.Time, counts map[nameKey]uint64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	next := make(map[nameKey]float64)
	if took := now.Sub(r.at).Seconds(); took > 0 && r.counts != nil {
		for key, n := range counts {
			if before := r.counts[key]; n > before {
				next[key] = float64(n-before) / took
			}
		}
	}
	r.at, r.counts, r.rates = now, counts, next
}

// measure keeps the rates until the context ends.
func (n *Node) measure(ctx context.Context) {
	look := time.NewTicker(rateEvery)
	defer look.Stop()
	for {
		served, _ := n.overlay.Served()
		n.rates.take(time.Now(), n.nameCounts(served))
		n.rates.time(served)
		select {
		case <-look.C:
		case <-ctx.Done():
			return
		}
	}
}

// nameCounts returns what there was of each name.
func (n *Node) nameCounts(served []overlay.Served) map[nameKey]uint64 {
	counts := make(map[nameKey]uint64)
	for _, l := range n.overlay.Names(mostRated) {
		kind := status.Cluster
		if l.Topic {
			kind = status.Topic
		}
		counts[nameKey{kind, l.Name}] = l.Delivered
	}
	for _, s := range served {
		counts[nameKey{status.Cluster, s.Cluster}] += s.Counts.Requests
	}
	return counts
}
