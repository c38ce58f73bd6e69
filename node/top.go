package node

import (
	"cmp"
	"slices"
	"sync"

	"github.com/project-iris/iris/overlay"
	"github.com/project-iris/iris/overlay/traffic"
)

// mostShown is how many clusters have series of their own. The rest is shown together, as
// "other".
const mostShown = 64

// top chooses the clusters with most traffic for series of their own. Each request is counted
// once, in the series that its cluster had when it was looked at: no series ever decreases, and
// all together are what was counted. It is safe for concurrent use.
type top struct {
	mu     sync.Mutex
	seen   map[*traffic.Served]*tracked
	shown  map[string]*traffic.ServedCounts
	other  traffic.ServedCounts
	parted traffic.ServedCounts // at the last look
}

// tracked is a cluster that was there at the last look.
type tracked struct {
	last   traffic.ServedCounts
	delta  traffic.ServedCounts // since the look before
	recent uint64               // requests, the older ones counting less
	alive  bool
}

// shownCluster is a cluster with its counts.
type shownCluster struct {
	name   string
	counts traffic.ServedCounts
}

// look takes what was counted, and returns what is to be shown: clusters by their names, all
// others together, and how many these are.
func (t *top) look(all []overlay.Served, parted traffic.ServedCounts) (shown []shownCluster, other traffic.ServedCounts, others int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.seen == nil {
		t.seen, t.shown = make(map[*traffic.Served]*tracked), make(map[string]*traffic.ServedCounts)
	}
	t.track(all)
	t.part(parted)
	t.rank(all)
	chosen := all[:min(len(all), mostShown)]
	keep := make(map[string]*traffic.ServedCounts, len(chosen))
	for _, s := range chosen {
		counts := t.shown[s.Cluster]
		if counts == nil {
			counts = new(traffic.ServedCounts)
		}
		counts.Add(&t.seen[s.Counter].delta)
		keep[s.Cluster] = counts
		shown = append(shown, shownCluster{s.Cluster, *counts})
	}
	t.shown = keep
	for _, s := range all[len(chosen):] {
		t.other.Add(&t.seen[s.Counter].delta)
	}
	return shown, t.other, len(all) - len(chosen)
}

// track takes the counts of the clusters that there are.
func (t *top) track(all []overlay.Served) {
	for _, known := range t.seen {
		known.alive = false
	}
	for i := range all {
		s := &all[i]
		known := t.seen[s.Counter]
		if known == nil {
			known = &tracked{}
			t.seen[s.Counter] = known
		}
		known.delta = s.Counts
		known.delta.Sub(&known.last)
		known.last, known.alive = s.Counts, true
		known.recent = known.recent/2 + known.delta.Requests
	}
}

// part counts, among the others, what clusters that have gone did since the last look.
func (t *top) part(parted traffic.ServedCounts) {
	delta := parted
	delta.Sub(&t.parted)
	t.parted = parted
	for counter, known := range t.seen {
		if !known.alive {
			delta.Sub(&known.last)
			delete(t.seen, counter)
		}
	}
	t.other.Add(&delta)
}

// rank sorts clusters: those with most traffic first. One that is shown stays, unless another
// one has twice as much, so that series do not come and go.
func (t *top) rank(all []overlay.Served) {
	score := func(s overlay.Served) uint64 {
		recent := t.seen[s.Counter].recent
		if t.shown[s.Cluster] != nil {
			return 2*recent + 1
		}
		return recent
	}
	slices.SortFunc(all, func(a, b overlay.Served) int {
		return cmp.Or(cmp.Compare(score(b), score(a)), cmp.Compare(a.Cluster, b.Cluster))
	})
}
