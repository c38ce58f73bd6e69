package trace

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/project-iris/iris/transport"
)

// The bounds of a recorder.
const (
	// MaxSamplings is how many samplings there can be at a time.
	MaxSamplings = 4
	// MaxCount is how many requests a sampling can sample, and MaxTime for how long.
	MaxCount = 100
	MaxTime  = 11 * time.Minute

	maxJoined = 1000    // requests of other nodes that a sampling joins
	retries   = 16      // of one request at a node that may be joined, beside four of each
	maxSteps  = 1 << 14 // that all samplings keep together
	keepTime  = 15 * time.Second
)

// SamplingID names a sampling at all nodes.
type SamplingID [8]byte

// ID names a trace: see the package comment.
type ID [16]byte

// Sampling returns the sampling that the trace is of.
func (id ID) Sampling() SamplingID { return SamplingID(id[:8]) }

// Sampling says which requests are traced.
type Sampling struct {
	ID    SamplingID
	Name  string        // of the cluster
	Count int           // requests that are sampled, from 1 to MaxCount
	Every int           // one of so many is; 1 is each
	Time  time.Duration // for how long, up to MaxTime
}

var (
	// ErrTooMany says that there are MaxSamplings already.
	ErrTooMany = fmt.Errorf("%d traces are under way at the node: wait until one has ended", MaxSamplings)
	// ErrSampling says that a sampling exceeds a bound.
	ErrSampling = fmt.Errorf("a trace is of 1 to %d requests within %v, one of 1 or more", MaxCount, MaxTime)
	// ErrUnknown says that there is no such sampling, or no longer.
	ErrUnknown = errors.New("the trace has ended, or never began, at the node")
)

// Recorder records traces. The zero Recorder has nothing armed. Its methods are safe for
// concurrent use.
type Recorder struct {
	armed atomic.Pointer[[]*sampling] // nil: none

	mu       sync.Mutex // guards who is armed; held while samplings are replaced
	steps    atomic.Int64
	refused  atomic.Uint64
	unkept   atomic.Uint64
	unjoined atomic.Uint64
}

// Stats counts.
type Stats struct {
	Refused  uint64 // samplings, as there were too many, or they were too large
	Unkept   uint64 // steps of traces that were not recorded, as there were enough
	Unjoined uint64 // requests of other nodes that were not recorded, as there were enough of their sampling
}

// Stats returns the counts.
func (r *Recorder) Stats() Stats {
	return Stats{Refused: r.refused.Load(), Unkept: r.unkept.Load(), Unjoined: r.unjoined.Load()}
}

// sampling is a [Sampling] that is armed.
type sampling struct {
	Sampling
	recorder *Recorder
	until    time.Time
	end      *time.Timer

	started atomic.Bool   // requests of this node are sampled
	seen    atomic.Uint64 // requests since
	left    atomic.Int64  // requests that may still be sampled

	mu     sync.Mutex
	ended  bool
	traces []*Trace
	joined map[transport.PeerID]int // by the node that asks
	total  int                      // of joined
}

// Arm has requests of other nodes joined, as from now, and forgets them some seconds after the
// time of the sampling at the latest. Those of this node are sampled from Start on. To arm a sampling again
// changes nothing.
func (r *Recorder) Arm(config Sampling) error {
	if config.Count < 1 || config.Count > MaxCount || config.Every < 1 || config.Time <= 0 || config.Time > MaxTime {
		r.refused.Add(1)
		return ErrSampling
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	now := r.samplings()
	for _, w := range now {
		if w.ID == config.ID {
			return nil
		}
	}
	if len(now) >= MaxSamplings {
		r.refused.Add(1)
		return ErrTooMany
	}
	w := &sampling{Sampling: config, recorder: r, until: time.Now().Add(config.Time), joined: make(map[transport.PeerID]int)}
	w.left.Store(int64(config.Count))
	w.end = time.AfterFunc(config.Time+keepTime, func() { r.Disarm(config.ID) })
	r.replace(append(now[:len(now):len(now)], w))
	return nil
}

// samplings returns those that are armed. They are not to be modified.
func (r *Recorder) samplings() []*sampling {
	if all := r.armed.Load(); all != nil {
		return *all
	}
	return nil
}

// replace replaces the samplings. The lock is held.
func (r *Recorder) replace(all []*sampling) {
	if len(all) == 0 {
		r.armed.Store(nil)
		return
	}
	r.armed.Store(&all)
}

// Armed reports whether anything is armed.
func (r *Recorder) Armed() bool { return r.armed.Load() != nil }

// find returns a sampling, or nil.
func (r *Recorder) find(id SamplingID) *sampling {
	for _, w := range r.samplings() {
		if w.ID == id {
			return w
		}
	}
	return nil
}

// Start has requests of this node sampled, if the sampling is armed.
func (r *Recorder) Start(id SamplingID) error {
	w := r.find(id)
	if w == nil {
		return ErrUnknown
	}
	w.started.Store(true)
	return nil
}

// Records returns what a sampling has recorded, the oldest first.
func (r *Recorder) Records(id SamplingID) ([]Record, error) {
	w := r.find(id)
	if w == nil {
		return nil, ErrUnknown
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	all := make([]Record, 0, len(w.traces))
	for _, t := range w.traces {
		all = append(all, t.record())
	}
	return all, nil
}

// Disarm ends a sampling, and forgets what it has recorded. There may be no such one.
func (r *Recorder) Disarm(id SamplingID) {
	r.mu.Lock()
	defer r.mu.Unlock()
	var others []*sampling
	for _, w := range r.samplings() {
		if w.ID != id {
			others = append(others, w)
			continue
		}
		w.forget()
	}
	r.replace(others)
}

// forget ends the sampling.
func (w *sampling) forget() {
	w.end.Stop()
	w.mu.Lock()
	defer w.mu.Unlock()
	w.ended = true
	for _, t := range w.traces {
		w.recorder.steps.Add(-int64(t.end()))
	}
	w.traces, w.joined = nil, nil
}

// Sample begins the trace of a request that an application of this node makes, and returns nil
// for one that is not traced.
func (r *Recorder) Sample(now time.Time, name []byte) *Trace {
	armed := r.armed.Load()
	if armed == nil {
		return nil
	}
	return sample(*armed, now, name)
}

func sample(armed []*sampling, now time.Time, name []byte) *Trace {
	for _, w := range armed {
		if w.Name == string(name) && w.wants(now) {
			t := &Trace{sampling: w}
			copy(t.id[:], w.ID[:])
			for i := 8; i < len(t.id); i++ {
				t.id[i] = byte(rand.Uint32())
			}
			if w.keep(t) {
				return t
			}
		}
	}
	return nil
}

// wants reports whether one more request is to be sampled.
func (w *sampling) wants(now time.Time) bool {
	if !w.started.Load() || w.left.Load() <= 0 || now.After(w.until) {
		return false
	}
	return (w.seen.Add(1)-1)%uint64(w.Every) == 0 && w.left.Add(-1) >= 0
}

func (w *sampling) keep(t *Trace) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.ended {
		return false
	}
	w.traces = append(w.traces, t)
	return true
}

// Join begins the record of a request that another node has sent with the id of a trace, and
// returns nil for one that is not to be recorded. Without an id it is not.
func (r *Recorder) Join(id, name []byte, from transport.PeerID) *Trace {
	if len(id) != len(ID{}) {
		return nil
	}
	armed := r.armed.Load()
	if armed == nil {
		return nil
	}
	return join(*armed, ID(id), name, from)
}

func join(armed []*sampling, id ID, name []byte, from transport.PeerID) *Trace {
	for _, w := range armed {
		if w.ID != id.Sampling() || w.Name != string(name) {
			continue
		}
		t := &Trace{sampling: w, id: id, from: from, served: true}
		if !w.take(from) || !w.keep(t) {
			w.recorder.unjoined.Add(1)
			return nil
		}
		return t
	}
	return nil
}

// take counts one more request of a node, and reports whether it may be recorded. A node sends
// one again that was refused.
func (w *sampling) take(from transport.PeerID) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.ended || w.total >= maxJoined || w.joined[from] >= 4*w.Count+retries {
		return false
	}
	w.joined[from]++
	w.total++
	return true
}
