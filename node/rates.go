package node

import (
	"context"
	"sync"
	"time"

	"github.com/project-iris/iris/node/status"
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
}

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
		n.rates.take(time.Now(), n.nameCounts())
		select {
		case <-look.C:
		case <-ctx.Done():
			return
		}
	}
}

// nameCounts returns what there was of each name.
func (n *Node) nameCounts() map[nameKey]uint64 {
	counts := make(map[nameKey]uint64)
	for _, l := range n.overlay.Names(mostRated) {
		kind := status.Cluster
		if l.Topic {
			kind = status.Topic
		}
		counts[nameKey{kind, l.Name}] = l.Delivered
	}
	served, _ := n.overlay.Served()
	for _, s := range served {
		counts[nameKey{status.Cluster, s.Cluster}] += s.Counts.Requests
	}
	return counts
}
