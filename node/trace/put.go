package trace

import (
	"cmp"
	"encoding/hex"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/project-iris/iris/node/status"
	"github.com/project-iris/iris/overlay/trace"
	"github.com/project-iris/iris/transport"
)

// put puts together what all nodes have said. A node can tell of its own part alone: of
// requests of its applications, and of those that another node says it has sent there.
func (r *run) put() *status.Traces {
	r.mu.Lock()
	defer r.mu.Unlock()
	all := &status.Traces{
		Node: r.self, Cluster: status.Text(r.wanted.Cluster), Count: r.wanted.Count, Every: r.wanted.Every,
		ForSeconds: r.wanted.Time.Seconds(), Traces: []status.Trace{}, Unanswered: []status.Unanswered{},
	}
	for node, records := range r.heard {
		for i := range records {
			if c := &records[i]; !c.Served && len(c.Marks) > 0 && r.ours(c.ID) {
				all.Traces = append(all.Traces, r.join(node, c))
			}
		}
	}
	slices.SortFunc(all.Traces, func(a, b status.Trace) int {
		return cmp.Or(a.Began.Compare(b.Began), cmp.Compare(a.ID, b.ID))
	})
	all.Traces, all.More = all.Traces[:min(len(all.Traces), r.wanted.Count)], max(len(all.Traces)-r.wanted.Count, 0)
	all.Unanswered = slices.AppendSeq(all.Unanswered, maps.Values(r.unanswered))
	slices.SortFunc(all.Unanswered, status.Unanswered.Compare)
	return all
}

// ours reports whether an id is that of a trace of this run.
func (r *run) ours(id string) bool {
	b, err := hex.DecodeString(id)
	return err == nil && len(b) == len(trace.ID{}) && trace.ID(b).Sampling() == r.id && id == strings.ToLower(id)
}

// join puts a request together from the record of the caller's node and those of the nodes that
// it was sent to.
func (r *run) join(node transport.PeerID, c *status.TraceRecord) status.Trace {
	served := make(map[transport.PeerID][]*status.TraceRecord)
	for at, records := range r.heard {
		for i := range records {
			if s := &records[i]; s.Served && s.ID == c.ID && s.From == node && len(s.Marks) > 0 {
				served[at] = append(served[at], s)
			}
		}
	}
	j := joining{
		trace:  status.Trace{ID: c.ID, Node: node, Began: c.Began, Outcome: "open", UnkeptSteps: c.Unkept, Hops: []status.Hop{}},
		served: served,
	}
	for i := range c.Marks {
		j.step(&c.Marks[i])
	}
	j.finish(time.Since(c.Began).Seconds())
	return j.trace
}

// joining makes a trace of the marks of the caller's node, one after the other.
type joining struct {
	trace  status.Trace
	served map[transport.PeerID][]*status.TraceRecord // what is left of other nodes, by the node

	at    float64    // when the last step was
	open  status.Hop // what the request is in; of no kind if in nothing
	ended bool       // the caller has its answer
}

func (j *joining) add(h status.Hop) { j.trace.Hops = append(j.trace.Hops, h) }

// begin begins a hop that ends with the next step.
func (j *joining) begin(at float64, h status.Hop) {
	h.StartSeconds = at
	j.open = h
}

// since returns a hop from the last step to this one.
func (j *joining) since(kind status.HopKind, m *status.TraceMark) status.Hop {
	node := m.Node
	if node.IsZero() {
		node = j.trace.Node
	}
	return status.Hop{
		Hop: kind, Node: node, StartSeconds: j.at, Seconds: m.AfterSeconds - j.at, Application: m.Application,
		AheadBytes: m.AheadBytes, InHand: m.InHand, Reason: m.Reason, Candidates: j.candidates(m.Candidates),
	}
}

// candidates has members of the caller's node say so.
func (j *joining) candidates(all []status.TraceCandidate) []status.TraceCandidate {
	all = slices.Clone(all)
	for i := range all {
		if all[i].Node.IsZero() {
			all[i].Node = j.trace.Node
		}
	}
	return all
}

func (j *joining) step(m *status.TraceMark) {
	if j.ended {
		return
	}
	switch trace.Step(m.Step) {
	case trace.Read:
		j.trace.Application = m.Application
	case trace.Picked:
		j.close(m, "")
		j.add(j.since(status.HopPicked, m))
	case trace.Held:
		if j.open.Hop == status.HopHeld && j.open.Reason == m.Reason {
			return
		}
		j.close(m, "")
		held := j.since(status.HopHeld, m)
		j.begin(m.AfterSeconds, held)
	case trace.Queued:
		j.close(m, "")
		j.add(j.since(status.HopQueued, m))
		j.begin(m.AfterSeconds, status.Hop{Hop: status.HopAway, Node: m.Node})
	case trace.Refused:
		away := j.open.Hop == status.HopAway && j.open.Node == m.Node
		j.close(m, m.Reason)
		if !away {
			j.add(j.since(status.HopRefused, m))
		}
	case trace.Returned:
		j.close(m, "")
	case trace.Handed:
		j.close(m, "")
		j.add(j.since(status.HopHanded, m))
		j.begin(m.AfterSeconds, status.Hop{Hop: status.HopMember, Node: j.trace.Node, Application: m.Application})
	case trace.Answered, trace.Abandoned:
		if j.open.Hop == "" { // to whom it was handed is not known
			j.open = j.since(status.HopMember, m)
		}
		j.close(m, m.Reason)
	case trace.Delivered:
		j.close(m, "no answer")
		h := j.since(status.HopDelivered, m)
		h.Application = j.trace.Application
		j.add(h)
		j.trace.Outcome, j.ended = m.Reason, true
	case trace.Forgotten:
		j.close(m, "no answer")
		j.trace.Outcome, j.ended = "forgotten", true
	default:
		return
	}
	j.at = m.AfterSeconds
}

// close ends what the request was in, and says with what.
func (j *joining) close(m *status.TraceMark, reason string) {
	h := j.open
	j.open = status.Hop{}
	if h.Hop == "" {
		return
	}
	h.Seconds = max(m.AfterSeconds-h.StartSeconds, 0)
	j.at = m.AfterSeconds
	switch h.Hop {
	case status.HopAway:
		back := trace.Step(m.Step) == trace.Returned || trace.Step(m.Step) == trace.Refused
		j.away(h, back, reason)
		return
	case status.HopMember:
		h.Reason = reason
	}
	j.add(h)
}

// finish ends a trace whose caller has no answer yet.
func (j *joining) finish(now float64) {
	j.trace.Seconds = j.at
	if j.ended {
		return
	}
	now = max(now, j.at)
	j.trace.Seconds = now
	if j.open.Hop == "" {
		return
	}
	hops := len(j.trace.Hops)
	j.close(&status.TraceMark{AfterSeconds: now}, "no answer")
	if n := len(j.trace.Hops); n > hops {
		j.trace.Hops[n-1].Open = true
	}
}

// away says where a request was from when it was put in the lane to a node until its answer came
// back, if it did. What the node has recorded is placed by that: both ways are taken to be as
// long.
func (j *joining) away(h status.Hop, back bool, reason string) {
	all := j.served[h.Node]
	if len(all) == 0 {
		h.Reason = reason
		j.add(h)
		return
	}
	s := all[0]
	j.served[h.Node] = all[1:]
	j.trace.UnkeptSteps += s.Unkept
	last := s.Marks[len(s.Marks)-1].AfterSeconds
	end := h.StartSeconds + h.Seconds
	way := 0.0
	if back {
		way = max(h.Seconds-last, 0) / 2
		j.clock(h.Node, s.Began.Sub(j.trace.Began).Seconds()-h.StartSeconds-way, way)
	}
	place := func(kind status.HopKind, from, to float64, m *status.TraceMark) {
		from, to = min(h.StartSeconds+way+from, end), min(h.StartSeconds+way+to, end)
		placed := status.Hop{Hop: kind, Node: h.Node, StartSeconds: from, Seconds: to - from, Placed: true}
		if m != nil {
			placed.Application, placed.AheadBytes, placed.InHand, placed.Reason = m.Application, m.AheadBytes, m.InHand, m.Reason
		}
		j.add(placed)
	}
	j.add(status.Hop{Hop: status.HopLink, Node: h.Node, StartSeconds: h.StartSeconds, Seconds: way, Placed: true})
	at, member := 0.0, ""
	for i := range s.Marks {
		m := &s.Marks[i]
		switch trace.Step(m.Step) {
		case trace.Refused:
			place(status.HopRefused, at, m.AfterSeconds, m)
		case trace.SentBack:
			place(status.HopRefused, at, m.AfterSeconds, m)
		case trace.Handed:
			place(status.HopHanded, at, m.AfterSeconds, m)
			member = m.Application
		case trace.Answered, trace.Abandoned:
			answered := *m
			answered.Application = member
			place(status.HopMember, at, m.AfterSeconds, &answered)
			member = ""
		case trace.Sent:
		default:
			continue
		}
		if trace.Step(m.Step) != trace.Sent {
			at = m.AfterSeconds
		}
	}
	if back {
		from := h.StartSeconds + min(way+at, h.Seconds)
		j.add(status.Hop{Hop: status.HopBack, Node: h.Node, StartSeconds: from, Seconds: end - from, Placed: true})
		return
	}
	if member != "" {
		place(status.HopMember, at, h.Seconds, &status.TraceMark{Application: member, Reason: "no answer"})
	}
}

// clock notes how far a node's clock is ahead, by the shortest of the ways to it.
func (j *joining) clock(node transport.PeerID, ahead, within float64) {
	i := slices.IndexFunc(j.trace.Clocks, func(c status.TraceClock) bool { return c.Node == node })
	if i >= 0 {
		if c := &j.trace.Clocks[i]; within < c.WithinSeconds {
			c.AheadSeconds, c.WithinSeconds = ahead, within
		}
		return
	}
	j.trace.Clocks = append(j.trace.Clocks, status.TraceClock{Node: node, AheadSeconds: ahead, WithinSeconds: within})
}
