package trace

import (
	"fmt"
	"testing"
	"time"

	"github.com/project-iris/iris/node/status"
	"github.com/project-iris/iris/transport"
)

// What nodes say that lie about requests is left out, and what they say of their own part keeps to
// what the caller's node has seen.
func TestNodesThatLie(t *testing.T) {
	here, there, liar := transport.PeerID{1}, transport.PeerID{2}, transport.PeerID{3}
	id := func(n int) string { return fmt.Sprintf("0102030405060708%016x", n) }
	began := time.Date(2026, 11, 28, 12, 0, 0, 0, time.UTC)
	mark := func(step string, after float64, node transport.PeerID, why string) status.TraceMark {
		return status.TraceMark{Step: step, AfterSeconds: after, Node: node, Reason: why}
	}
	asked := []status.TraceMark{
		mark("read", 0, transport.PeerID{}, ""), mark("picked", 1, there, ""), mark("queued", 2, there, ""),
		mark("returned", 8, there, ""), mark("delivered", 9, transport.PeerID{}, "reply"), mark("delivered", 10, transport.PeerID{}, "fault"),
	}
	served := func(from transport.PeerID, took float64) status.TraceRecord {
		return status.TraceRecord{ID: id(1), Served: true, From: from, Began: began.Add(time.Hour), Marks: []status.TraceMark{
			mark("received", 0, from, ""), mark("handed", 0, transport.PeerID{}, ""), mark("what", took/2, there, ""), mark("answered", took, transport.PeerID{}, "reply"),
		}}
	}
	r := &run{
		self: here, id: [8]byte{1, 2, 3, 4, 5, 6, 7, 8}, wanted: Wanted{Cluster: "work", Count: 3},
		unanswered: map[transport.PeerID]status.Unanswered{}, heard: map[transport.PeerID][]status.TraceRecord{
			here:  {{ID: id(1), Began: began, Marks: asked}},
			there: {served(liar, 2), served(here, 1e6), served(here, 1)},
			liar: {
				served(here, 3),
				{ID: "no id", Marks: asked},
				{ID: "ff02030405060708" + id(1)[16:], Marks: asked},
				{ID: id(2)},
				{ID: id(3), Began: began.Add(time.Hour), Marks: []status.TraceMark{mark("returned", 5, there, ""), mark("answered", 1, there, ""), mark("held", 2, there, "why")}},
			},
		},
	}
	all := r.put()
	if len(all.Traces) != 2 || all.Traces[0].ID != id(1) || all.Traces[1].ID != id(3) {
		t.Fatalf("traces: %+v", all.Traces)
	}
	one := all.Traces[0]
	if one.Outcome != "reply" || one.Seconds != 9 {
		t.Errorf("it ends with %s after %v", one.Outcome, one.Seconds)
	}
	at, text := 0.0, ""
	for _, h := range one.Hops {
		text += fmt.Sprintf("%s %.1f-%.1f ", h.Hop, h.StartSeconds, h.StartSeconds+h.Seconds)
		if h.StartSeconds != at || h.Seconds < 0 {
			t.Errorf("a hop of %v from %v on, after %v", h.Seconds, h.StartSeconds, at)
		}
		at = h.StartSeconds + h.Seconds
	}
	// The first of its records is of a request that took longer there than it was away.
	if want := "picked 0.0-1.0 queued 1.0-2.0 link 2.0-2.0 handed_over 2.0-2.0 member 2.0-8.0 back 8.0-8.0 delivered 8.0-9.0 "; text != want {
		t.Errorf("hops are\n%s\nwant\n%s", text, want)
	}
	if len(one.Clocks) != 1 || one.Clocks[0].AheadSeconds != 3598 || one.Clocks[0].WithinSeconds != 0 {
		t.Errorf("clocks: %+v", one.Clocks)
	}
	for _, h := range all.Traces[1].Hops {
		if h.Seconds < 0 {
			t.Errorf("a hop of %v", h.Seconds)
		}
	}
	if all.String() == "" {
		t.Error("it says nothing")
	}
}
