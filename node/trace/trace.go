// Package trace follows requests to a cluster through all nodes: it arms the recorders of the
// nodes for a while, collects what they have recorded, and puts that together.
//
// Between nodes the questions are
//
//	/v1/trace/arm/ID/COUNT/EVERY/MILLISECONDS/NAME   join requests of others, for so long
//	/v1/trace/start/ID                               sample requests of applications
//	/v1/trace/get/ID                                 what was recorded
//	/v1/trace/end/ID                                 that as well, for the last time
//
// with the id of the sampling as 16 hexadecimal digits. The first two are answered with [status.Armed],
// the others with [status.TraceRecord]s, in JSON. All nodes are armed before the first samples, so
// that none is sent a trace that it does not know. A node that does not know the questions
// resets the stream.
package trace

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/project-iris/iris/node/explain"
	"github.com/project-iris/iris/node/status"
	"github.com/project-iris/iris/overlay"
	"github.com/project-iris/iris/overlay/names"
	"github.com/project-iris/iris/overlay/trace"
	"github.com/project-iris/iris/transport"
)

const (
	question = "/v1/trace/"
	// maxName is the longest name that a question can hold beside the rest of it.
	maxName = 200
	// maxEvery bounds how few requests are sampled.
	maxEvery = 1_000_000
	// maxAnswer is how long the answer of a node may be, in bytes, and maxAnswers those of all
	// that are kept.
	maxAnswer  = 4 << 20
	maxAnswers = 64 << 20
	// pollMin is how often nodes are asked whether they have enough, and pollPerNode how much
	// less often for each node.
	pollMin     = 250 * time.Millisecond
	pollPerNode = 20 * time.Millisecond
)

// What is usual.
const (
	DefaultCount = 5
	DefaultTime  = 10 * time.Second
)

// Wanted says which requests are traced.
type Wanted struct {
	Cluster string
	Count   int           // how many at most
	Every   int           // one of so many
	Time    time.Duration // for how long
}

// ErrWanted says what can be traced.
var ErrWanted = fmt.Errorf("a trace is of 1 to %d requests, one of 1 to %d, within %v", trace.MaxCount, maxEvery, maxTime)

// maxTime leaves nodes time beside it, as they are armed before it begins.
const maxTime = 10 * time.Minute

// Check returns [ErrWanted] for what cannot be traced.
func (w *Wanted) Check() error {
	if w.Count < 1 || w.Count > trace.MaxCount || w.Every < 1 || w.Every > maxEvery || w.Time < time.Millisecond || w.Time > maxTime {
		return ErrWanted
	}
	return nil
}

// Answer answers the question of another node. It reports whether that is one for this package.
func Answer(o *overlay.Overlay, asked string) (answer []byte, mine bool) {
	asked, mine = strings.CutPrefix(asked, question)
	if !mine {
		return nil, false
	}
	what, rest, _ := strings.Cut(asked, "/")
	hexID, rest, _ := strings.Cut(rest, "/")
	id, err := parseSampling(hexID)
	if err != nil {
		return nil, true
	}
	switch what {
	case "arm":
		return arm(o, id, rest), true
	case "start":
		return said(o.Traces().Start(id)), true
	case "get", "end":
		records := recorded(o, id)
		if what == "end" {
			o.Traces().Disarm(id)
		}
		return encode(records), true
	}
	return nil, true
}

func parseSampling(text string) (id trace.SamplingID, err error) {
	n, err := strconv.ParseUint(text, 16, 64)
	if err != nil || len(text) != 2*len(id) {
		return id, errors.New("no id of a sampling")
	}
	for i := range id {
		id[i] = byte(n >> (56 - 8*i))
	}
	return id, nil
}

// arm does what another node asks for.
func arm(o *overlay.Overlay, id trace.SamplingID, rest string) []byte {
	part := strings.SplitN(rest, "/", 4)
	if len(part) != 4 {
		return nil
	}
	count, err1 := strconv.Atoi(part[0])
	every, err2 := strconv.Atoi(part[1])
	ms, err3 := strconv.ParseInt(part[2], 10, 32)
	if errors.Join(err1, err2, err3) != nil {
		return nil
	}
	return said(o.Traces().Arm(trace.Sampling{
		ID: id, Name: part[3], Count: count, Every: every, Time: time.Duration(ms) * time.Millisecond,
	}))
}

// said says whether something was done.
func said(err error) []byte {
	var a status.Armed
	if err != nil {
		a.Refused = err.Error()
	}
	return encode(&a)
}

func encode(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		return nil
	}
	return b
}

// Trace follows the next requests to a cluster, until there are enough or the time is over.
// Others are the other nodes. It fails for what cannot be traced, if this node has too many traces
// under way, and with the context. All nodes that are reached are disarmed when it returns.
func Trace(ctx context.Context, o *overlay.Overlay, self transport.PeerID, others []transport.PeerID, wanted Wanted) (*status.Traces, error) {
	if err := wanted.Check(); err != nil {
		return nil, err
	}
	r := &run{overlay: o, self: self, wanted: wanted, id: newSampling(), heard: make(map[transport.PeerID][]status.TraceRecord), unanswered: make(map[transport.PeerID]status.Unanswered), room: maxAnswers}
	sampling := trace.Sampling{ID: r.id, Name: wanted.Cluster, Count: wanted.Count, Every: wanted.Every, Time: wanted.Time + 2*overlay.AskTime}
	if err := o.Traces().Arm(sampling); err != nil {
		return nil, err
	}
	defer o.Traces().Disarm(r.id)
	unasked := ""
	if len(wanted.Cluster) <= maxName {
		r.arm(ctx, others, sampling)
	} else if len(others) > 0 {
		unasked = "other nodes were not asked, as the name is too long for a question"
	}
	began := time.Now()
	r.follow(ctx)
	waited := time.Since(began)
	r.collect(context.WithoutCancel(ctx), "end")
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	all := r.put()
	all.Unasked, all.WaitedSeconds = unasked, waited.Seconds()
	return all, nil
}

func newSampling() (id trace.SamplingID) {
	for i := range id {
		id[i] = byte(rand.Uint32())
	}
	return id
}

// run is a trace under way.
type run struct {
	overlay *overlay.Overlay
	self    transport.PeerID
	wanted  Wanted
	id      trace.SamplingID
	armed   []transport.PeerID // other nodes

	mu         sync.Mutex
	heard      map[transport.PeerID][]status.TraceRecord
	room       int // bytes of answers that are still taken
	unanswered map[transport.PeerID]status.Unanswered
}

// arm arms other nodes, and starts.
func (r *run) arm(ctx context.Context, others []transport.PeerID, w trace.Sampling) {
	text := fmt.Sprintf("arm/%x/%d/%d/%d/%s", w.ID, w.Count, w.Every, w.Time.Milliseconds(), w.Name)
	r.armed = r.each(ctx, others, text, r.agreed)
	r.armed = r.each(ctx, r.armed, fmt.Sprintf("start/%x", r.id), r.agreed)
}

// agreed reads the answer of a node that was told to do something.
func (r *run) agreed(_ transport.PeerID, answer []byte) error {
	armed, err := status.ParseArmed(answer)
	if err == nil && armed.Refused != "" {
		err = errors.New(armed.Refused)
	}
	return err
}

// each asks nodes a question, and returns those that have answered. The lock is held while an
// answer is taken.
func (r *run) each(ctx context.Context, nodes []transport.PeerID, asked string, take func(id transport.PeerID, answer []byte) error) []transport.PeerID {
	var good []transport.PeerID
	r.overlay.AskAll(ctx, nodes, question+asked, maxAnswer, func(id transport.PeerID, answer []byte, err error) {
		r.mu.Lock()
		defer r.mu.Unlock()
		if err == nil {
			err = take(id, answer)
		}
		if err != nil {
			r.unanswered[id] = status.NoAnswer(id, err, overlay.AskTime)
			return
		}
		delete(r.unanswered, id)
		good = append(good, id)
	})
	return good
}

// follow waits until enough requests were traced, or the time is over.
func (r *run) follow(ctx context.Context) {
	_ = r.overlay.Traces().Start(r.id)
	over := time.NewTimer(r.wanted.Time)
	defer over.Stop()
	pause := max(pollMin, time.Duration(len(r.armed))*pollPerNode)
	for {
		look := time.NewTimer(pause)
		select {
		case <-look.C:
		case <-over.C:
			look.Stop()
			return
		case <-ctx.Done():
			look.Stop()
			return
		}
		r.collect(ctx, "get")
		if r.complete() >= r.wanted.Count {
			return
		}
	}
}

// errRoom says that nodes have said more than this one keeps.
var errRoom = errors.New("the answers of all nodes together are too long")

// collect takes what all nodes have recorded.
func (r *run) collect(ctx context.Context, what string) {
	r.mu.Lock()
	r.room = maxAnswers
	r.heard[r.self] = recorded(r.overlay, r.id)
	r.mu.Unlock()
	r.each(ctx, r.armed, fmt.Sprintf("%s/%x", what, r.id), func(id transport.PeerID, answer []byte) error {
		if r.room -= len(answer); r.room < 0 {
			return errRoom
		}
		records, err := status.ParseTraceRecords(answer)
		if err == nil {
			r.heard[id] = records
		}
		return err
	})
}

// complete counts the requests whose callers have their answers.
func (r *run) complete() (n int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, records := range r.heard {
		for i := range records {
			if !records[i].Served && slices.ContainsFunc(records[i].Marks, func(m status.TraceMark) bool {
				return m.Step == string(trace.Delivered) || m.Step == string(trace.Forgotten)
			}) {
				n++
			}
		}
	}
	return n
}

// recorded returns what this node has recorded.
func recorded(o *overlay.Overlay, id trace.SamplingID) []status.TraceRecord {
	records, _ := o.Traces().Records(id) // none, if it has ended
	all := make([]status.TraceRecord, 0, len(records))
	for i := range records {
		all = append(all, told(&records[i]))
	}
	return all
}

// told is a record as nodes tell it.
func told(r *trace.Record) status.TraceRecord {
	slices.SortStableFunc(r.Marks, func(a, b trace.Mark) int { return a.At.Compare(b.At) })
	s := status.TraceRecord{ID: fmt.Sprintf("%x", r.ID), Served: r.Served, From: r.From, Unkept: r.Unkept, Marks: []status.TraceMark{}}
	for i := range r.Marks {
		m := &r.Marks[i]
		if i == 0 {
			s.Began = m.At.Round(0)
		}
		mark := status.TraceMark{
			Step: string(m.Step), AfterSeconds: m.At.Sub(r.Marks[0].At).Seconds(), Node: m.Node, Application: status.Text(m.App),
			AheadBytes: m.Ahead, InHand: m.InHand, Reason: status.Text(m.Why),
		}
		for _, c := range m.Candidates {
			mark.Candidates = append(mark.Candidates, status.TraceCandidate{
				Node: c.Node, Application: status.Text(c.App), CostSeconds: c.Cost, Why: explain.Why(names.Why(c.Why)),
			})
		}
		s.Marks = append(s.Marks, mark)
	}
	return s
}
