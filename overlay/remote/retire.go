package remote

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/project-iris/iris/overlay/wire"
)

const (
	// retirePatience is how long the other node may take to say whether a link can end, and
	// then to end it.
	retirePatience = 5 * time.Second
	// retireGrace is how long after the last look at whether the link can be used somebody
	// may take to use it.
	retireGrace = 50 * time.Millisecond
)

// retirement is the end of a link that nobody uses: see [wire.Retire].
type retirement struct {
	active atomic.Bool // the same as leaving; to look takes no lock

	mu      sync.Mutex
	leaving chan struct{} // closed when the link is kept after all; nil: it is in use
	answer  chan bool     // what the other node says; nil: it was not asked
	agreed  bool          // it ends, and nothing is sent any more
	forced  bool          // it ends in any case
}

// begin stops the use of the link. It reports whether that was not so before.
func (r *retirement) begin(answer chan bool) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.leaving != nil {
		return false
	}
	r.leaving, r.answer = make(chan struct{}), answer
	r.active.Store(true)
	return true
}

// keep has the link used as before, unless it ends.
func (r *retirement) keep() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.leaving != nil && !r.agreed && !r.forced {
		close(r.leaving)
		r.leaving, r.answer = nil, nil
		r.active.Store(false)
	}
}

// force stops the use of the link for good. It reports whether it was not forced before.
func (r *retirement) force() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.forced {
		return false
	}
	r.forced = true
	if r.leaving == nil {
		r.leaving = make(chan struct{})
		r.active.Store(true)
	}
	return true
}

// ask has asked give the answer of the other node.
func (r *retirement) ask(answer chan bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.answer = answer
}

// agree notes that the link ends. It reports whether that is so: not if it is used again.
func (r *retirement) agree() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.agreed = r.leaving != nil
	return r.agreed
}

// asked returns what gives the answer of the other node to whoever has asked, nil if nobody
// has.
func (r *retirement) asked() chan<- bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	answer := r.answer
	r.answer = nil
	return answer
}

// Leaving returns a channel that is closed when the link can be used again, nil if it can be
// now. While the link is about to end, nothing is to be sent by it.
func (r *Remote) Leaving() <-chan struct{} {
	r.retirement.mu.Lock()
	defer r.retirement.mu.Unlock()
	return r.retirement.leaving
}

// Hold says that something uses the link until Release: a tunnel.
func (r *Remote) Hold() { r.held.Add(1) }

// Release ends Hold.
func (r *Remote) Release() { r.held.Add(-1) }

// Activity returns a number that grows with all that is sent to and comes from the node.
func (r *Remote) Activity() uint64 {
	given, _ := r.Queued()
	return given + r.received.Load()
}

// idle reports whether nothing uses the link, after those have had time who were about to.
func (r *Remote) idle() bool {
	timer := time.NewTimer(retireGrace)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-r.Context().Done():
	}
	_, waiting := r.Queued()
	return waiting == 0 && r.held.Load() == 0 && r.handling.Load() == 0 && r.calls.Len() == 0
}

// Retire ends the link in good order if neither node uses it. It returns when that is so, or
// the link goes on, which counts as activity.
func (r *Remote) Retire() {
	answer := make(chan bool, 1)
	if !r.understands() || !r.retirement.begin(answer) {
		return
	}
	defer r.keep()
	if !r.idle() {
		return
	}
	r.Tell(&wire.Retire{Stage: wire.RetireAsk})
	timer := time.NewTimer(retirePatience)
	defer timer.Stop()
	select {
	case yes := <-answer:
		if yes && r.retirement.agree() {
			r.Finish()
			_ = r.Peer().Link().Close(nil)
		}
	case <-timer.C:
	case <-r.Context().Done():
	}
}

// Expel ends the link for a cause, though it is in use. Nothing new is sent by it. It returns when
// what is under way in both directions is done, or the context ends, and the link has ended.
func (r *Remote) Expel(ctx context.Context, cause error) {
	defer func() { _ = r.Peer().Link().Close(cause) }()
	if !r.retirement.force() {
		select {
		case <-r.Context().Done():
		case <-ctx.Done():
		}
		return
	}
	for ctx.Err() == nil && !r.Ended() {
		if r.idle() && (!r.understands() || r.askToEnd(ctx)) {
			break
		}
	}
	defer context.AfterFunc(ctx, func() { _ = r.Peer().Link().Close(cause) })()
	r.Finish()
}

// askToEnd asks the other node whether it has use for a link that ends in any case, and reports
// whether it has none.
func (r *Remote) askToEnd(ctx context.Context) bool {
	answer := make(chan bool, 1)
	r.retirement.ask(answer)
	r.Tell(&wire.Retire{Stage: wire.RetireAsk})
	select {
	case yes := <-answer:
		return yes
	case <-ctx.Done():
	case <-r.Context().Done():
	}
	return false
}

// keep has the link used as before, unless it ends.
func (r *Remote) keep() {
	r.received.Add(1)
	r.retirement.keep()
}

// handleRetire takes what the other node says of the end of the link.
func (r *Remote) handleRetire(stage wire.RetireStage) {
	switch stage {
	case wire.RetireAsk:
		r.askedToRetire()
	case wire.RetireAgree, wire.RetireRefuse:
		if answer := r.retirement.asked(); answer != nil {
			answer <- stage == wire.RetireAgree
		}
	}
}

// askedToRetire agrees to end the link, or refuses. If this node has asked too, that says yes.
func (r *Remote) askedToRetire() {
	if answer := r.retirement.asked(); answer != nil {
		answer <- true
		return
	}
	if r.retirement.begin(nil) {
		r.Go(r.agreeToRetire)
	}
}

// agreeToRetire ends the link if this node does not use it, and sees to it that the other
// one does so too.
func (r *Remote) agreeToRetire() {
	if !r.idle() || !r.retirement.agree() {
		r.keep()
		r.Tell(&wire.Retire{Stage: wire.RetireRefuse})
		return
	}
	r.Finish()
	r.Tell(&wire.Retire{Stage: wire.RetireAgree})
	ctx, cancel := context.WithTimeout(r.Context(), retirePatience)
	defer cancel()
	<-ctx.Done()
	_ = r.Peer().Link().Close(nil)
}
