package node

import (
	"fmt"
	"testing"
	"time"

	"github.com/project-iris/iris/overlay"
	"github.com/project-iris/iris/overlay/traffic"
)

// servedBy returns what members have answered.
func servedBy(cluster string, s *traffic.Served) overlay.Served {
	one := overlay.Served{Cluster: cluster, Counter: s}
	s.AddTo(&one.Counts)
	return one
}

// Recent latencies are those of the answers since the look before, and none are left when a
// cluster was asked nothing.
func TestRecentLatencies(t *testing.T) {
	var r rates
	var quick, idle traffic.Served
	look := func() { r.time([]overlay.Served{servedBy("quick", &quick), servedBy("idle", &idle)}) }
	expect := func(when, cluster string, least time.Duration) {
		t.Helper()
		p50, p99 := r.latency(cluster)
		for _, got := range []time.Duration{p50, p99} {
			if got < least || got > least+least/10 {
				t.Errorf("%s: %s takes %v and %v, want %v", when, cluster, p50, p99, least)
			}
		}
	}
	answer := func(s *traffic.Served, took time.Duration) {
		for range 100 {
			s.Took()
			s.Answered(took, true)
		}
	}
	answer(&quick, time.Second)
	look()
	expect("at the first look", "quick", time.Second)
	expect("at the first look", "idle", 0)
	answer(&quick, time.Millisecond)
	look()
	expect("when it has become faster", "quick", time.Millisecond)
	look()
	expect("when nothing was asked", "quick", 0)
}

// Of very many clusters those that were asked most have recent latencies, and one that comes to
// these has none until the next look.
func TestRecentLatenciesAreBounded(t *testing.T) {
	var r rates
	counters := make([]traffic.Served, mostTimed+1)
	look := func() {
		var all []overlay.Served
		for i := range counters {
			all = append(all, servedBy(fmt.Sprint(i), &counters[i]))
		}
		r.time(all)
	}
	for i := range counters[:mostTimed] {
		counters[i].Took()
		counters[i].Answered(time.Second, true)
	}
	look()
	late := &counters[mostTimed]
	for range 2 {
		late.Took()
		late.Answered(time.Second, true)
	}
	look()
	if p50, _ := r.latency(fmt.Sprint(mostTimed)); len(r.answers) != mostTimed || p50 != 0 {
		t.Errorf("%d are kept, and the late one takes %v", len(r.answers), p50)
	}
	late.Took()
	late.Answered(time.Second, true)
	look()
	if p50, _ := r.latency(fmt.Sprint(mostTimed)); p50 == 0 {
		t.Error("the late one has no latency")
	}
}
