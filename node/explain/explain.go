// Package explain says who would be asked by a request to a cluster now, and why. What the
// asked node knows comes from its overlay; of their members the other nodes tell themselves, each
// for its own.
//
// Between nodes the question is "/v1/explain/" and the name of the cluster, and the answer
// [status.Served] in JSON. A node that does not know the question resets the stream, as it does
// with all that it does not know.
package explain

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"sync"

	"github.com/project-iris/iris/node/status"
	"github.com/project-iris/iris/overlay"
	"github.com/project-iris/iris/overlay/balance"
	"github.com/project-iris/iris/overlay/names"
	"github.com/project-iris/iris/transport"
)

const (
	question = "/v1/explain/"
	// maxName is the longest name that a question can hold.
	maxName = 255 - len(question)
	// maxAnswer is how long the answer of a node may be, in bytes, and maxMembers how many
	// members it tells of.
	maxAnswer  = 1 << 20
	maxMembers = 1000
)

// Title says from where a member has connected.
type Title func(*overlay.Member) string

// Answer answers the question of another node. It reports whether that is one for this package.
func Answer(o *overlay.Overlay, titles func() Title, asked string) (answer []byte, mine bool) {
	name, mine := strings.CutPrefix(asked, question)
	if !mine {
		return nil, false
	}
	v := o.View([]byte(name))
	s := status.Served{Draining: v.Draining, Members: []status.Serving{}, Waiting: v.Held + v.Waiting}
	var title Title
	for _, m := range v.Members[:min(len(v.Members), maxMembers)] {
		if title == nil {
			title = titles()
		}
		s.Members = append(s.Members, status.Serving{
			Application: status.Text(title(overlay.Owner(m))), InHand: m.Measured.UnderWay, NoRoom: m.Full, Left: m.Left,
			LatencySeconds: m.Measured.Latency.Seconds(),
		})
	}
	b, err := json.Marshal(&s)
	if err != nil {
		return nil, true
	}
	return b, true
}

// Explain explains who would be asked by a request of an application of a node. Others has the
// other nodes, which are asked who serves the cluster there.
func Explain(ctx context.Context, o *overlay.Overlay, self transport.PeerID, others []transport.PeerID, title Title, name string) *status.Explanation {
	v := o.View([]byte(name))
	e := Of(&v, self, title)
	e.Cluster = status.Text(name)
	if len(name) > maxName {
		e.Unasked = "other nodes are not asked about their members, as the name is too long for a question"
	} else {
		ask(ctx, o, e, others, name)
	}
	if e.Verdict == status.Waits && len(e.Candidates)+len(e.Unanswered) == 0 && e.Unasked == "" {
		e.Verdict = status.Nobody // by what all others say
	}
	e.Sort()
	return e
}

// Of explains what is known of a cluster.
func Of(v *names.View, self transport.PeerID, title Title) *status.Explanation {
	chosen := v.Explain()
	e := &status.Explanation{
		Node: self, Verdict: verdicts[chosen.Verdict], LookedUp: v.Sought, Known: v.Known,
		Waiting: v.Held, WaitingTunnels: v.Waiting, Crowded: v.Crowded,
		OldestSeconds: v.Oldest.Seconds(), RetrySeconds: v.Retry.Seconds(),
		Candidates: []status.Candidate{}, Unanswered: []status.Unanswered{},
	}
	for i, m := range v.Members {
		c := candidate(self, chosen.Members[i])
		if c.Application, c.Cost = status.Text(title(overlay.Owner(m))), cost(&m.Measured); v.Draining && m.Left {
			c.Why = status.Drains
		}
		e.Candidates = append(e.Candidates, c)
	}
	for i, node := range v.Nodes {
		c := candidate(node.ID, chosen.Nodes[i])
		c.Cost = cost(&node.Measured)
		e.Candidates = append(e.Candidates, c)
	}
	return e
}

var verdicts = map[names.Verdict]status.Verdict{
	names.Picked: status.Given, names.Held: status.Waits, names.Nobody: status.Nobody, names.Draining: status.Stopping,
}

var whys = map[names.Why]status.Why{
	names.WhyCheapest: status.Cheapest, names.WhyFull: status.NoRoom, names.WhyLeft: status.Left,
	names.WhyUnlinked: status.Unlinked, names.WhyBusier: status.Busier, names.WhyDearer: status.Dearer,
}

// Why is the reason of a candidate as status says it.
func Why(why names.Why) status.Why { return whys[why] }

func candidate(node transport.PeerID, c names.Choice) status.Candidate {
	return status.Candidate{Node: node, Chance: c.Chance, Why: whys[c.Why]}
}

func cost(m *balance.Measured) status.Cost {
	return status.Cost{
		RequestSeconds: m.Cost, Measured: m.Known, AgeSeconds: m.Age.Seconds(), LatencySeconds: m.Latency.Seconds(),
		Faults: m.Faults, InHand: m.UnderWay, Load: m.Load,
	}
}

// ask asks the other nodes who serves the cluster there.
func ask(ctx context.Context, o *overlay.Overlay, e *status.Explanation, others []transport.PeerID, name string) {
	var mu sync.Mutex
	o.AskAll(ctx, others, question+name, maxAnswer, func(id transport.PeerID, answer []byte, err error) {
		var served *status.Served
		if err == nil {
			served, err = status.ParseServed(answer)
		}
		mu.Lock()
		defer mu.Unlock()
		if err != nil {
			e.Unanswered = append(e.Unanswered, status.NoAnswer(id, err, overlay.AskTime))
		} else {
			add(e, id, served)
		}
	})
	slices.SortFunc(e.Unanswered, status.Unanswered.Compare)
}

// add adds what a node says of its members.
func add(e *status.Explanation, id transport.PeerID, served *status.Served) {
	e.Elsewhere += served.Waiting
	if len(served.Members) == 0 {
		return
	}
	i := slices.IndexFunc(e.Candidates, func(c status.Candidate) bool { return c.Node == id })
	if i < 0 {
		i = len(e.Candidates)
		c := status.Candidate{Node: id, Why: status.Unheard}
		switch {
		case served.Draining:
			c.Why = status.Drains
		case !slices.ContainsFunc(served.Members, func(m status.Serving) bool { return !m.Left }):
			c.Why = status.Left
		}
		e.Candidates = append(e.Candidates, c)
	}
	e.Candidates[i].Members = served.Members
}
