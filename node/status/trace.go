package status

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/project-iris/iris/transport"
)

// Traces are requests to a cluster that were traced, on all nodes.
type Traces struct {
	Node    transport.PeerID `json:"node"` // the one that was asked
	Cluster string           `json:"cluster"`
	Count   int              `json:"count"` // requests that were to be traced
	Every   int              `json:"every"` // one of so many was to be
	// ForSeconds is how long they were waited for at most, and WaitedSeconds how long they were.
	ForSeconds    float64 `json:"for_seconds"`
	WaitedSeconds float64 `json:"waited_seconds"`

	Traces     []Trace      `json:"traces"`            // in the order in which they have begun, by the clocks of their nodes
	More       int          `json:"more,omitempty"`    // that were traced beyond the count
	Unanswered []Unanswered `json:"unanswered"`        // nodes whose part is missing
	Unasked    string       `json:"unasked,omitempty"` // why no other node was asked
}

// Trace is a request that was traced.
type Trace struct {
	ID          string           `json:"trace_id"` // of the W3C's Trace Context: 32 hexadecimal digits
	Node        transport.PeerID `json:"node"`     // of the caller
	Application string           `json:"application"`
	Began       time.Time        `json:"began"` // when its frame was read, by the clock of that node
	// Outcome is what the caller was answered: reply, fault, with the text if a node has made it,
	// timeout, forgotten if the caller went, and open if it had no answer yet.
	Outcome string  `json:"outcome"`
	Seconds float64 `json:"seconds"` // until then

	Hops        []Hop        `json:"hops"`                   // one after the other
	Clocks      []TraceClock `json:"clocks,omitempty"`       // of the nodes that have served it
	UnkeptSteps int          `json:"unkept_steps,omitempty"` // that were not recorded, as there were enough
}

// HopKind is what a request passes through.
type HopKind string

// The kinds.
const (
	HopPicked    HopKind = "picked"      // from being read, or refused, to being given to whom it was picked for
	HopHeld      HopKind = "held"        // it waits at the caller's node for a member, for room, or for a link
	HopRefused   HopKind = "refused"     // a member or a node does not take it
	HopQueued    HopKind = "queued"      // until it is in a lane of the link
	HopLink      HopKind = "link"        // in the lane and on the link, until the other node has read it
	HopHanded    HopKind = "handed_over" // until it is handed to the member that was picked
	HopMember    HopKind = "member"      // in the queue of the member, and with it, until its answer is read
	HopBack      HopKind = "back"        // the answer, or the refusal, on its way back
	HopAway      HopKind = "away"        // at another node, of which there is no record
	HopDelivered HopKind = "delivered"   // until the answer is in the queue of the caller
)

// Hop is a part of the time of a request.
type Hop struct {
	Hop          HopKind          `json:"hop"`
	Node         transport.PeerID `json:"node"`           // where the time passes, or the other end of the link
	StartSeconds float64          `json:"start_seconds"`  // since the request was read
	Seconds      float64          `json:"seconds"`        // how long it takes
	Open         bool             `json:"open,omitempty"` // it had not ended
	// Placed says that the node has a clock of its own: it is taken that the ways there and back take
	// the same time.
	Placed      bool             `json:"placed,omitempty"`
	Application string           `json:"application,omitempty"` // the member
	AheadBytes  int              `json:"ahead_bytes,omitempty"` // that stood before it in the lane, or the queue
	InHand      int64            `json:"in_hand,omitempty"`     // what the member had in hand then
	Reason      string           `json:"reason,omitempty"`      // why it is held or refused, or how it was answered
	Candidates  []TraceCandidate `json:"candidates,omitempty"`  // who could get it then
}

// TraceCandidate is who could get a request.
type TraceCandidate struct {
	Node        transport.PeerID `json:"node"`
	Application string           `json:"application,omitempty"` // a member of the caller's node
	CostSeconds float64          `json:"cost_seconds"`
	Why         Why              `json:"why"`
}

// TraceClock is the clock of a node beside that of the caller's node.
type TraceClock struct {
	Node          transport.PeerID `json:"node"`
	AheadSeconds  float64          `json:"ahead_seconds"`  // negative: it is behind
	WithinSeconds float64          `json:"within_seconds"` // by so much that may be wrong
}

// TraceRecord is what a node has recorded of a request.
type TraceRecord struct {
	ID     string           `json:"trace_id"`
	Served bool             `json:"served,omitempty"` // it came from another node
	From   transport.PeerID `json:"from,omitzero"`    // which
	Began  time.Time        `json:"began"`            // by the clock of the node
	Marks  []TraceMark      `json:"marks"`
	Unkept int              `json:"unkept,omitempty"` // steps that were not recorded
}

// TraceMark is a step of a request at a node. Package overlay/trace has the steps.
type TraceMark struct {
	Step         string           `json:"step"`
	AfterSeconds float64          `json:"after_seconds"` // since it has begun there
	Node         transport.PeerID `json:"node,omitzero"`
	Application  string           `json:"application,omitempty"`
	AheadBytes   int              `json:"ahead_bytes,omitempty"`
	InHand       int64            `json:"in_hand,omitempty"`
	Reason       string           `json:"reason,omitempty"`
	Candidates   []TraceCandidate `json:"candidates,omitempty"`
}

// Armed is what a node says that was told to trace.
type Armed struct {
	Refused string `json:"refused,omitempty"` // why it does not
}

// ParseArmed reads that, as [Parse] does.
func ParseArmed(b []byte) (*Armed, error) {
	var a Armed
	if err := json.Unmarshal(b, &a); err != nil {
		return nil, fmt.Errorf("the answer does not say whether requests are traced: %w", err)
	}
	clean(reflect.ValueOf(&a).Elem())
	return &a, nil
}

// maxAfter is how long after the beginning of a request a step can be, in seconds.
const maxAfter = 1e6

// ParseTraceRecords reads what another node has recorded, as [Parse] does.
func ParseTraceRecords(b []byte) ([]TraceRecord, error) {
	var all []TraceRecord
	if err := json.Unmarshal(b, &all); err != nil {
		return nil, fmt.Errorf("the answer is no record of requests: %w", err)
	}
	clean(reflect.ValueOf(&all).Elem())
	for i := range all {
		for j := range all[i].Marks {
			m := &all[i].Marks[j]
			m.AfterSeconds = min(max(m.AfterSeconds, 0), maxAfter)
		}
	}
	return all, nil
}

// String returns the traces as people read them, 80 columns wide.
func (t *Traces) String() string {
	var b strings.Builder
	switch n := len(t.Traces); n {
	case 0:
		fmt.Fprintf(&b, "%s: no request within %s.\nEvents, broadcasts and tunnels are not traced.\n", cut(t.Cluster), short(t.WaitedSeconds))
	case 1:
		fmt.Fprintf(&b, "%s: 1 request within %s.\n", cut(t.Cluster), short(t.WaitedSeconds))
	default:
		fmt.Fprintf(&b, "%s: %d requests within %s.\n", cut(t.Cluster), n, short(t.WaitedSeconds))
	}
	for i := range t.Traces {
		b.WriteByte('\n')
		t.Traces[i].write(&b)
	}
	writeUnanswered(&b, t.Unasked, t.Unanswered)
	return b.String()
}

// The columns of a waterfall: times, the bar, and what happened.
const (
	barColumns  = 22
	textColumn  = 44
	textColumns = 80 - textColumn
)

func (t *Trace) write(b *strings.Builder) {
	fmt.Fprintf(b, "trace %s, %s\n", t.ID, t.Began.UTC().Format("2006-01-02T15:04:05.000Z"))
	fmt.Fprintf(b, "caller %s at node %s: %s", cut(t.Application), t.Node.Short(), t.ends())
	b.WriteString("\n       at     took\n")
	for i := range t.Hops {
		h := &t.Hops[i]
		took := short(h.Seconds)
		if h.Open {
			took = "open"
		}
		texts := h.texts(t)
		fmt.Fprintf(b, "%9s%9s  %s  %s\n", short(h.StartSeconds), took, t.bar(h), texts[0])
		for _, text := range texts[1:] {
			fmt.Fprintf(b, "%*s%s\n", textColumn, "", text)
		}
	}
	for _, c := range t.Clocks {
		way := "ahead of"
		if c.AheadSeconds < 0 {
			way = "behind"
		}
		fmt.Fprintf(b, "The clock of %s is %s %s the caller's, or less or more by %s.\n",
			c.Node.Short(), short(max(c.AheadSeconds, -c.AheadSeconds)), way, short(c.WithinSeconds))
	}
	if t.UnkeptSteps > 0 {
		fmt.Fprintf(b, "%d steps are missing: too many were recorded.\n", t.UnkeptSteps)
	}
}

func (t *Trace) ends() string {
	switch t.Outcome {
	case "open":
		return "no answer after " + short(t.Seconds)
	case "forgotten":
		return "it went after " + short(t.Seconds)
	}
	return t.Outcome + " after " + short(t.Seconds)
}

// bar draws when a hop was, in so many columns.
func (t *Trace) bar(h *Hop) string {
	total := max(t.Seconds, 1e-12)
	cell := func(at float64) int { return int(min(max(at/total, 0), 1)*barColumns + 0.5) }
	from, to := cell(h.StartSeconds), cell(h.StartSeconds+h.Seconds)
	if from == to {
		from = min(from, barColumns-1)
		return strings.Repeat(" ", from) + "│" + strings.Repeat(" ", barColumns-1-from)
	}
	return strings.Repeat(" ", from) + strings.Repeat("█", to-from) + strings.Repeat(" ", barColumns-to)
}

// texts say what a hop was, in lines that fit their column.
func (h *Hop) texts(t *Trace) []string {
	var lines []string
	say := func(text string) { lines = append(lines, fold(text, textColumns)...) }
	switch h.Hop {
	case HopPicked:
		h.sayPicked(t, say)
	case HopHeld:
		say("held: " + h.Reason)
		for _, c := range h.Candidates {
			say(fmt.Sprintf("  %s: %s", c.title(t), c.Why))
		}
	case HopRefused:
		say("refused by " + h.whose(t) + ": " + h.Reason)
	case HopQueued:
		say("put in a lane to " + h.Node.Short() + h.behind())
	case HopLink:
		say("link to " + h.Node.Short())
	case HopHanded:
		say("handed to " + h.whose(t) + h.behind())
		if h.InHand > 1 {
			say(fmt.Sprintf("  with %d in hand", h.InHand))
		}
	case HopMember:
		say("member: " + h.Reason)
	case HopBack:
		say("back from " + h.Node.Short())
	case HopAway:
		say("at " + h.Node.Short() + ", which has no record of it")
	case HopDelivered:
		say("answer to the caller: " + h.Reason)
	default:
		say(string(h.Hop))
	}
	return lines
}

// sayPicked says who was picked, and what that costs; and of the others, the first time, too.
func (h *Hop) sayPicked(t *Trace, say func(text string)) {
	picked := func(c *TraceCandidate) bool { return c.Node == h.Node && c.Application == h.Application }
	text := "picked " + h.whose(t)
	if i := slices.IndexFunc(h.Candidates, func(c TraceCandidate) bool { return picked(&c) }); i >= 0 {
		text += ": cost " + short(h.Candidates[i].CostSeconds)
	}
	say(text)
	for i := range t.Hops {
		if before := &t.Hops[i]; before == h {
			break
		} else if before.Hop == HopPicked {
			return
		}
	}
	for i := range h.Candidates {
		if c := &h.Candidates[i]; !picked(c) {
			say(fmt.Sprintf("  %s: %s, %s", c.title(t), c.Why, short(c.CostSeconds)))
		}
	}
}

// whose names a member, or a node.
func (h *Hop) whose(t *Trace) string {
	switch {
	case h.Application == "":
		return "node " + h.Node.Short()
	case h.Node == t.Node:
		return cut(h.Application) + " here"
	}
	return cut(h.Application)
}

func (c *TraceCandidate) title(t *Trace) string {
	if c.Node == t.Node {
		return cut(c.Application) + " here"
	}
	return "node " + c.Node.Short()
}

func (h *Hop) behind() string {
	if h.AheadBytes == 0 {
		return ""
	}
	return fmt.Sprintf(", behind %d bytes", h.AheadBytes)
}

// fold breaks a text into lines of so many columns; all but the first are indented.
func fold(text string, columns int) []string {
	var lines []string
	line := ""
	flush := func() {
		lines = append(lines, line)
		line = ""
	}
	indent := text[:len(text)-len(strings.TrimLeft(text, " "))]
	for word := range strings.FieldsSeq(text) {
		runes := []rune(word)
		start := indent
		if len(lines) > 0 {
			start += "  "
		}
		switch {
		case line == "":
			line = start
		case len([]rune(line))+1+len(runes) > columns:
			flush()
			line = indent + "  "
		default:
			line += " "
		}
		if most := columns - len([]rune(line)); len(runes) > most {
			runes = append(runes[:max(most-1, 0)], '…')
		}
		line += string(runes)
	}
	flush()
	return lines
}
