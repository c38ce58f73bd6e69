package trace

import (
	"slices"
	"sync"
	"time"

	"github.com/project-iris/iris/transport"
)

// Step is what has happened to a request.
type Step string

// The steps at the node of the caller. One that a member of the same node serves has Handed and
// Answered there as well.
const (
	Read      Step = "read"      // the application's frame was read
	Picked    Step = "picked"    // somebody was picked who is to take it
	Held      Step = "held"      // it waits, until it is picked again
	Queued    Step = "queued"    // it was put in a lane of the link to the other node
	Refused   Step = "refused"   // the member or the node does not take it
	Returned  Step = "returned"  // the answer has come from the other node
	Delivered Step = "delivered" // the answer was put in the queue of the caller
	Forgotten Step = "forgotten" // the caller has gone
	Answered  Step = "answered"  // the member's answer was read
	Handed    Step = "handed"    // it is put in the queue of the member
	Received  Step = "received"  // it was read from the link
	Sent      Step = "sent"      // the answer was put in a lane of the link
	SentBack  Step = "sent_back" // nobody here takes it
	Abandoned Step = "abandoned" // the member has gone, or the deadline passed while it had it
)

// Mark is a step, and what is known of it.
type Mark struct {
	Step Step
	At   time.Time
	Node transport.PeerID // the other node; zero: none
	App  string           // the member that it is about
	// Ahead is how many bytes stood before it in the lane or the queue.
	Ahead int
	// InHand is what the member had in hand, this request included.
	InHand int64
	// Why is why it was refused or held, or with what it was answered.
	Why string
	// Candidates are those that it could be given to when it was picked, or held.
	Candidates []Candidate
}

// Candidate is who could get a request.
type Candidate struct {
	Node transport.PeerID // zero: this one
	App  string           // of this one
	Cost float64          // seconds
	Why  string           // it is asked, or is not
}

// Record is what a node knows of a request.
type Record struct {
	ID     ID
	Served bool             // it came from another node
	From   transport.PeerID // which
	Marks  []Mark
	Unkept int // steps that were not recorded
}

// Trace records a request at a node. A nil Trace records nothing. Its methods do not block, and are
// safe for concurrent use.
type Trace struct {
	sampling *sampling
	id       ID
	from     transport.PeerID
	served   bool

	mu     sync.Mutex
	ended  bool // nothing more is kept
	marks  []Mark
	unkept int
}

// ID returns what another node is sent with the request, nil for one that is not traced.
func (t *Trace) ID() []byte {
	if t == nil {
		return nil
	}
	return t.id[:]
}

// Add adds a mark, at this moment unless it says when.
func (t *Trace) Add(m Mark) {
	if t == nil {
		return
	}
	if m.At.IsZero() {
		m.At = time.Now()
	}
	r := t.sampling.recorder
	t.mu.Lock()
	defer t.mu.Unlock()
	switch {
	case t.ended:
	case r.steps.Add(1) > maxSteps:
		r.steps.Add(-1)
		r.unkept.Add(1)
		t.unkept++
	default:
		t.marks = append(t.marks, m)
	}
}

// Ahead returns how many bytes wait in a queue, and 0 without looking for a request that is not
// traced.
func (t *Trace) Ahead(queue interface{ Waiting() int }) int {
	if t == nil {
		return 0
	}
	return queue.Waiting()
}

// Now returns the time, and zero for a request that is not traced.
func (t *Trace) Now() (now time.Time) {
	if t != nil {
		now = time.Now()
	}
	return now
}

// Queue says that the request was put in a lane to a node, behind so many bytes.
func (t *Trace) Queue(node transport.PeerID, ahead int) {
	if t != nil {
		t.Add(Mark{Step: Queued, Node: node, Ahead: ahead})
	}
}

// Refuse says that a node has sent the request back, and why.
func (t *Trace) Refuse(node transport.PeerID, why string) {
	if t != nil {
		t.Add(Mark{Step: Refused, Node: node, Why: why})
	}
}

// Return says that the answer has come from a node.
func (t *Trace) Return(now time.Time, node transport.PeerID) {
	if t != nil {
		t.Add(Mark{Step: Returned, At: now, Node: node})
	}
}

// Hold says that the request is held since a time, and why.
func (t *Trace) Hold(since time.Time, why string) {
	if t != nil {
		t.Add(Mark{Step: Held, At: since, Why: why})
	}
}

// Answer says that the member has answered.
func (t *Trace) Answer(now time.Time, ok bool) {
	if t != nil {
		t.Add(Mark{Step: Answered, At: now, Why: outcome(ok)})
	}
}

// Send says that the answer was sent to the node that the request came from, if it did.
func (t *Trace) Send() {
	if t != nil && t.served {
		t.Add(Mark{Step: Sent})
	}
}

// SendBack says that the request is sent back, and why.
func (t *Trace) SendBack(why string) {
	if t != nil && t.served {
		t.Add(Mark{Step: SentBack, Why: why})
	}
}

// Abandon says that the member that had the request does not answer, and why.
func (t *Trace) Abandon(why string) {
	if t != nil {
		t.Add(Mark{Step: Abandoned, Why: why})
	}
}

// Outcomes of requests.
const (
	Reply   = "reply"
	Fault   = "fault"
	Timeout = "timeout"
)

func outcome(ok bool) string {
	if ok {
		return Reply
	}
	return Fault
}

// Deliver says that the caller has its answer.
func (t *Trace) Deliver(ok bool) {
	if t != nil {
		t.Add(Mark{Step: Delivered, Why: outcome(ok)})
	}
}

// DeliverFault is Deliver for a fault of a node.
func (t *Trace) DeliverFault(text string) {
	if t != nil {
		t.Add(Mark{Step: Delivered, Why: Fault + ": " + text})
	}
}

// TimeOut says that the caller was told that the request has timed out.
func (t *Trace) TimeOut() {
	if t != nil {
		t.Add(Mark{Step: Delivered, Why: Timeout})
	}
}

// Forget says that the caller has gone.
func (t *Trace) Forget() {
	if t != nil {
		t.Add(Mark{Step: Forgotten})
	}
}

func (t *Trace) record() Record {
	t.mu.Lock()
	defer t.mu.Unlock()
	return Record{ID: t.id, Served: t.served, From: t.from, Marks: slices.Clone(t.marks), Unkept: t.unkept}
}

// end has nothing more kept, and returns how many marks there were.
func (t *Trace) end() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.ended = true
	n := len(t.marks)
	t.marks = nil
	return n
}
