package status

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/project-iris/iris/transport"
)

// Verdict is what would become of a request now.
type Verdict string

// The verdicts.
const (
	Given    Verdict = "given"    // a member gets it
	Waits    Verdict = "waits"    // it waits for room, for a link, or until it is known who serves the cluster
	Nobody   Verdict = "nobody"   // nobody serves the cluster: it waits for a member, or is answered at once if it is not to wait
	Stopping Verdict = "stopping" // the node is being stopped, and nobody here or elsewhere takes it
)

// Why says why a candidate is asked, or left out.
type Why string

// The reasons.
const (
	Cheapest Why = "cheapest"  // it is asked: it costs least of those that are compared
	NoRoom   Why = "no_room"   // the member has refused a request since it last made room
	Left     Why = "left"      // it has left the cluster, and finishes what it has in hand
	Drains   Why = "drains"    // its node is being stopped
	Unlinked Why = "no_link"   // there is no link to the node that can be used now
	Busier   Why = "busier"    // another member of this node has less in hand, or it is its turn
	Dearer   Why = "dearer"    // whatever it is compared to costs less
	Unheard  Why = "not_heard" // the node serves the cluster, but the asked one does not know
)

// texts are what the reasons mean.
var texts = map[Why]string{
	NoRoom:   "it has no room: it has refused a request since it last made some",
	Left:     "it has left the cluster, and finishes what it has in hand",
	Drains:   "its node is being stopped: it finishes what it has in hand",
	Unlinked: "there is no link to it now; the next request asks for one",
	Busier:   "another member of this node has less in hand, or it is its turn",
	Dearer:   "whatever it is compared to costs less",
	Unheard:  "it serves the cluster, but this node has not heard of that: it asks once an application here sends to it",
}

// Explanation says who would be asked by a request that an application of a node makes now.
type Explanation struct {
	Node    transport.PeerID `json:"node"` // the one that was asked
	Cluster string           `json:"cluster"`
	Verdict Verdict          `json:"verdict"`

	LookedUp bool `json:"looked_up"` // an application of the node has sent to the cluster lately, so that it is looked up elsewhere
	Known    bool `json:"known"`     // enough was heard to tell where it is served

	Waiting        int     `json:"waiting"`                  // requests of the node that wait
	WaitingTunnels int     `json:"waiting_tunnels"`          // tunnels that do
	Crowded        bool    `json:"crowded,omitempty"`        // some wait for room: what comes later waits behind them
	OldestSeconds  float64 `json:"oldest_seconds,omitempty"` // until the deadline of the request that has waited longest
	RetrySeconds   float64 `json:"retry_seconds,omitempty"`  // until what waits is tried again

	Candidates []Candidate  `json:"candidates"`                // those with the highest chance first
	Unanswered []Unanswered `json:"unanswered"`                // nodes that have not said who serves the cluster there
	Unasked    string       `json:"unasked,omitempty"`         // why no other node was asked
	Elsewhere  int          `json:"elsewhere,omitempty"`       // requests and tunnels that wait at other nodes
	LeftOut    int          `json:"candidates_left,omitempty"` // candidates that are not in the list
}

// Candidate is a member of the node, or another node with all its members.
type Candidate struct {
	Node        transport.PeerID `json:"node"`
	Application string           `json:"application,omitempty"` // a member of the node: from where it has connected
	Chance      float64          `json:"chance"`                // that the next request goes there, from 0 to 1
	Why         Why              `json:"why"`
	Cost        Cost             `json:"cost"`
	Members     []Serving        `json:"members,omitempty"` // of another node, as it says itself
}

// Cost is what one more request would cost, and why: latency, a second for the square of the
// share of faults, times what is in hand and one more. Package overlay/balance has the reasons.
type Cost struct {
	RequestSeconds float64 `json:"request_seconds"`       // all of it
	Measured       bool    `json:"measured"`              // an answer or a refusal was measured
	AgeSeconds     float64 `json:"age_seconds,omitempty"` // since the last
	LatencySeconds float64 `json:"latency_seconds"`       // a moving average; slow answers weigh more; fades in ten seconds
	Faults         float64 `json:"faults"`                // share of the answers
	InHand         int64   `json:"in_hand"`               // of a node: of the asked node's requests
	Load           float64 `json:"load"`                  // that counts: in hand, or as reported with the last answer, if that is more
}

// Served is what a node says of its members of a cluster.
type Served struct {
	Draining bool      `json:"draining,omitempty"` // the node is being stopped
	Members  []Serving `json:"members"`
	Waiting  int       `json:"waiting,omitempty"` // requests and tunnels of this node that wait for the cluster
}

// Serving is a member of a node that serves a cluster.
type Serving struct {
	Application    string  `json:"application"`
	InHand         int64   `json:"in_hand"`
	NoRoom         bool    `json:"no_room,omitempty"`
	Left           bool    `json:"left,omitempty"`
	LatencySeconds float64 `json:"latency_seconds"`
}

// Sort sorts the candidates: those with the highest chance first.
func (e *Explanation) Sort() {
	slices.SortStableFunc(e.Candidates, func(a, b Candidate) int {
		return cmp.Or(cmp.Compare(b.Chance, a.Chance), cmp.Compare(a.Why, b.Why), cmp.Compare(a.Node.String(), b.Node.String()), cmp.Compare(a.Application, b.Application))
	})
	e.Candidates, e.LeftOut = e.Candidates[:min(len(e.Candidates), maxList)], max(len(e.Candidates)-maxList, 0)
}

// width is how many columns of a terminal a name or an address may take.
const width = 40

// String returns the explanation as people read it, 80 columns wide.
func (e *Explanation) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: a request from node %s %s.\n", cut(e.Cluster), e.Node.Short(), e.becomes())
	if !e.LookedUp && e.Verdict != Stopping && e.hasOthers() {
		fmt.Fprintf(&b, "No application here has sent to it lately: the next one has it looked up.\n")
	} else if e.LookedUp && !e.Known {
		fmt.Fprintf(&b, "Too few nodes have told yet where it is served.\n")
	}
	title := "\nAsked:\n"
	if e.Verdict == Waits {
		title = "\nAsked for those that wait:\n"
	}
	for _, c := range e.Candidates {
		if c.Chance == 0 {
			break
		}
		b.WriteString(title)
		title = ""
		fmt.Fprintf(&b, "  %3.0f%%  %s\n        %s\n", 100*c.Chance, c.title(), c.Cost.String())
		c.writeMembers(&b)
	}
	title = "\nLeft out:\n"
	for _, c := range e.Candidates {
		if c.Chance > 0 {
			continue
		}
		b.WriteString(title)
		title = ""
		fmt.Fprintf(&b, "     -  %s: %s\n", c.title(), c.Why)
		wrap(&b, texts[c.Why])
		if c.Why == Dearer || c.Why == Busier {
			fmt.Fprintf(&b, "        %s\n", c.Cost.String())
		}
		c.writeMembers(&b)
	}
	e.writeWaiting(&b)
	return b.String()
}

func (e *Explanation) hasOthers() bool {
	return len(e.Unanswered) > 0 || slices.ContainsFunc(e.Candidates, func(c Candidate) bool { return c.Node != e.Node })
}

func (e *Explanation) becomes() string {
	switch {
	case e.Verdict == Given:
		return "is given to a member"
	case e.Verdict == Nobody:
		return "waits: nobody serves it"
	case e.Verdict == Stopping:
		return "fails: the node is being stopped"
	case e.Crowded:
		return "waits behind those that wait for room"
	}
	if !e.LookedUp && e.hasOthers() {
		return "waits until it is looked up"
	}
	return "waits"
}

func (c *Candidate) title() string {
	if c.Application != "" {
		return "here " + cut(c.Application)
	}
	return "node " + c.Node.Short()
}

// writeMembers writes what another node says of its members.
func (c *Candidate) writeMembers(b *strings.Builder) {
	for i, m := range c.Members {
		if i == maxProblems {
			fmt.Fprintf(b, "        and %d more\n", len(c.Members)-i)
			break
		}
		notes := ""
		if m.NoRoom {
			notes += ", no room"
		}
		if m.Left {
			notes += ", leaves"
		}
		fmt.Fprintf(b, "        %s there: %d in hand, %s an answer%s\n", cut(m.Application), m.InHand, short(m.LatencySeconds), notes)
	}
}

// String returns what makes a cost.
func (c *Cost) String() string {
	if !c.Measured {
		return fmt.Sprintf("cost %s: not measured lately; %.3g in hand", short(c.RequestSeconds), c.Load)
	}
	text := fmt.Sprintf("cost %s: %s an answer × (%.3g in hand + 1)", short(c.RequestSeconds), short(c.LatencySeconds), c.Load)
	if c.Faults > 0.005 {
		text += fmt.Sprintf(", %.0f%% faults", 100*c.Faults)
	}
	return text
}

func (e *Explanation) writeWaiting(b *strings.Builder) {
	if e.Waiting+e.WaitingTunnels+e.Elsewhere > 0 {
		fmt.Fprintf(b, "\nWaiting: %d requests and %d tunnels here, %d elsewhere.\n", e.Waiting, e.WaitingTunnels, e.Elsewhere)
		if e.Waiting > 0 {
			fmt.Fprintf(b, "  the oldest has %s left", short(e.OldestSeconds))
			if e.RetrySeconds > 0 {
				fmt.Fprintf(b, "; other nodes are tried again in %s", short(e.RetrySeconds))
			}
			fmt.Fprintln(b)
		}
	}
	writeUnanswered(b, e.Unasked, e.Unanswered)
}

// writeUnanswered writes why others were not asked, and who has not answered.
func writeUnanswered(b *strings.Builder, unasked string, unanswered []Unanswered) {
	if unasked != "" {
		fmt.Fprintln(b)
		wrap(b, unasked)
	}
	if len(unanswered) > 0 {
		fmt.Fprintln(b)
	}
	for i, u := range unanswered {
		if i == maxProblems {
			fmt.Fprintf(b, "and %d more have not answered\n", len(unanswered)-i)
			break
		}
		fmt.Fprintf(b, "%s has not answered:\n", u.ID.Short())
		wrap(b, u.Reason)
	}
}

// wrap writes a text in lines that are indented, and no wider than the terminal.
func wrap(b *strings.Builder, text string) {
	const indent, columns = 8, 80
	line := 0
	for word := range strings.FieldsSeq(text) {
		word = cut(word)
		n := len([]rune(word))
		switch {
		case line == 0:
			b.WriteString(strings.Repeat(" ", indent))
			line = indent
		case line+1+n > columns:
			b.WriteString("\n" + strings.Repeat(" ", indent))
			line = indent
		default:
			b.WriteByte(' ')
			line++
		}
		b.WriteString(word)
		line += n
	}
	b.WriteByte('\n')
}

// cut cuts a name or an address.
func cut(s string) string {
	if runes := []rune(s); len(runes) > width {
		return string(runes[:width-1]) + "…"
	}
	return s
}

// short says seconds with two or three digits.
func short(seconds float64) string {
	d := time.Duration(seconds * float64(time.Second))
	for unit := time.Duration(1); unit < time.Hour; unit *= 10 {
		if d < 1000*unit {
			return d.Round(unit).String()
		}
	}
	return d.Round(time.Second).String()
}
