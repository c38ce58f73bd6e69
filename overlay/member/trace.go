package member

import (
	"strings"
	"time"

	"github.com/project-iris/iris/overlay/names"
	"github.com/project-iris/iris/overlay/remote"
	"github.com/project-iris/iris/overlay/trace"
	"github.com/project-iris/iris/overlay/wire"
)

// Why a traced request waits, or is not answered by its member.
const (
	whyRoom    = "all that it could be given to have no room"
	whyCrowded = "others wait for room before it"
	whyUnknown = "it is not known yet who serves the cluster"
	whyNobody  = "nobody serves the cluster"
	whyNoWay   = "no member here has room, and there is no link to the nodes that serve it"
	whyLate    = "its deadline has passed"
	whyGone    = "the member has gone"
)

// mostCandidates is how many candidates a step of a trace has.
const mostCandidates = 5

// Traces returns what records traces of requests. Nothing is traced until it is armed.
func (ms *Members) Traces() *trace.Recorder { return &ms.traces }

// sample begins the trace of a request of the member, nil if it is not traced.
func (m *Member) sample(now time.Time, cluster []byte) *trace.Trace {
	t := m.members.traces.Sample(now, cluster)
	if t != nil {
		t.Add(trace.Mark{Step: trace.Read, At: now, App: m.title()})
	}
	return t
}

// title is from where the application has connected, where its handler tells that.
func (m *Member) title() string {
	if h, ok := m.handler.(interface{ Addr() string }); ok {
		return h.Addr()
	}
	return ""
}

// ahead returns how many bytes wait to be written to the member, and 0 for a request that is not
// traced.
func (m *Member) ahead(t *trace.Trace) int {
	if t != nil {
		if h, ok := m.handler.(interface{ Waiting() int }); ok {
			return h.Waiting()
		}
	}
	return 0
}

// handed says that the member was handed a request at a time, behind so many bytes. It may have
// answered since.
func (m *Member) handed(t *trace.Trace, at time.Time, ahead int) {
	if t != nil {
		t.Add(trace.Mark{Step: trace.Handed, At: at, App: m.title(), Ahead: ahead, InHand: m.load.Load()})
	}
}

// seen is what was known of a cluster when it was decided who gets a traced request. It is nil
// for others.
type seen struct {
	at   time.Time
	view names.View
}

// seen looks at the cluster of a request that is traced. What is decided then may follow from
// something later.
func (ms *Members) seen(a *names.Attempt) *seen {
	if a.Trace == nil {
		return nil
	}
	return &seen{time.Now(), ms.lookup.View(a.Cluster)}
}

// decided notes who was picked, or that the request is held.
func (s *seen) decided(a *names.Attempt, to names.Target, verdict names.Verdict) {
	if s == nil {
		return
	}
	switch verdict {
	case names.Picked:
		m := trace.Mark{Step: trace.Picked, Node: to.Node, Candidates: s.candidates()}
		if to.Member != nil {
			m.App = to.Member.(local).title()
		}
		a.Trace.Add(m)
	case names.Held:
		// The time before: the request may go on already.
		a.Trace.Add(trace.Mark{Step: trace.Held, At: s.at, Why: s.why(), Candidates: s.candidates()})
	}
}

// why says why the request is held.
func (s *seen) why() string {
	switch v := &s.view; {
	case v.Crowded:
		return whyCrowded
	case !v.Alone && (!v.Sought || !v.Known):
		return whyUnknown
	case len(v.Members) == 0 && len(v.Nodes) == 0:
		return whyNobody
	}
	return whyNoWay
}

// candidates returns who could get the request, and why, those that could be asked first.
func (s *seen) candidates() []trace.Candidate {
	chosen := s.view.Explain()
	all := make([]trace.Candidate, 0, mostCandidates)
	for _, asked := range []bool{true, false} {
		for i, m := range s.view.Members {
			if c := chosen.Members[i]; c.Chance > 0 == asked && len(all) < mostCandidates {
				all = append(all, trace.Candidate{App: m.Member.(local).title(), Cost: m.Measured.Cost, Why: string(c.Why)})
			}
		}
		for i, n := range s.view.Nodes {
			if c := chosen.Nodes[i]; c.Chance > 0 == asked && len(all) < mostCandidates {
				all = append(all, trace.Candidate{Node: n.ID, Cost: n.Measured.Cost, Why: string(c.Why)})
			}
		}
	}
	return all
}

// traceRefused says why a target has not taken a request, if it has not.
func traceRefused(t *trace.Trace, to names.Target, err error) {
	if t == nil || err == nil {
		return
	}
	m := trace.Mark{Step: trace.Refused, Node: to.Node, Why: err.Error()}
	if to.Member != nil {
		m.App = to.Member.(local).title()
	}
	t.Add(m)
}

// traceAnswer says that the caller has its answer. Of faults it has those that nodes make.
func traceAnswer(t *trace.Trace, ok bool, body []byte) {
	if t == nil {
		return
	}
	for _, fault := range []string{FaultOverloaded, FaultMemberLost, FaultDraining} {
		if !ok && strings.HasPrefix(string(body), fault) {
			t.DeliverFault(fault)
			return
		}
	}
	t.Deliver(ok)
}

// join begins the record of a request that another node has sent, nil if it is not traced.
func (ms *Members) join(from *remote.Remote, m *wire.Request) *trace.Trace {
	t := ms.traces.Join(m.Trace, m.Cluster, from.ID())
	if t != nil {
		t.Add(trace.Mark{Step: trace.Received, Node: from.ID()})
	}
	return t
}

// traceSentBack says that the request of another node is sent back, unless it was taken.
func traceSentBack(t *trace.Trace, reason wire.Reason, ok bool) {
	if t != nil && !ok {
		t.SendBack(reason.Text())
	}
}
