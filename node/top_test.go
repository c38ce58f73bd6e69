package node

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/project-iris/iris/overlay"
	"github.com/project-iris/iris/overlay/traffic"
)

// Clusters come, go and change places, and each request is in one series, none of which ever
// decreases while it is there.
func TestSeriesOfClusters(t *testing.T) {
	var top top
	var parted traffic.ServedCounts
	live := make(map[string]*traffic.Served)
	before := make(map[string]uint64)
	asked, gone := uint64(0), uint64(0) // gone: of series that are shown no more
	random := rand.New(rand.NewPCG(1, 2))
	for range 200 {
		for range 30 {
			name := fmt.Sprint(random.IntN(200))
			if live[name] == nil {
				live[name] = new(traffic.Served)
			}
			for range random.IntN(20) {
				live[name].Took()
				live[name].Answered(time.Millisecond, true)
				asked++
			}
		}
		for name, s := range live {
			if random.IntN(20) == 0 {
				s.AddTo(&parted)
				delete(live, name)
			}
		}
		var all []overlay.Served
		for name, s := range live {
			one := overlay.Served{Cluster: name, Counter: s}
			s.AddTo(&one.Counts)
			all = append(all, one)
		}
		shown, other, others := top.look(all, parted)
		if len(shown) > mostShown || len(shown)+others != len(live) {
			t.Fatalf("%d clusters are shown and %d others, of %d", len(shown), others, len(live))
		}
		now := map[string]uint64{"other clusters": other.Requests}
		for _, s := range shown {
			now[s.name] = s.counts.Requests
			if s.counts.Latency.Count != s.counts.Requests {
				t.Fatalf("%s has %d requests and %d latencies", s.name, s.counts.Requests, s.counts.Latency.Count)
			}
		}
		sum := uint64(0)
		for name, n := range before {
			if _, stays := now[name]; !stays {
				gone += n
			} else if now[name] < n {
				t.Fatalf("%s went from %d to %d", name, n, now[name])
			}
		}
		for _, n := range now {
			sum += n
		}
		if sum+gone != asked {
			t.Fatalf("%d requests are in series and %d in those that have gone, of %d", sum, gone, asked)
		}
		before = now
	}
}

// A cluster that is called other is not taken for all others, nor can a name forge a series.
func TestLabelsOfClusters(t *testing.T) {
	for name, want := range map[string]string{"other": `\other`, `\other`: `\\other`, "a\"} 1\nb": `a"} 1\nb`, "\xff": `\xff`} {
		if got := clusterLabel(name); got != want {
			t.Errorf("%q has the label %s, want %s", name, got, want)
		}
	}
}
