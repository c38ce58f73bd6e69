package choose

import (
	"context"
	"errors"
	"time"

	"github.com/project-iris/iris/transport"
)

// A race is one dial: attempts that start one after the other.
type race struct {
	chooser *Transport
	want    transport.PeerID

	begin    time.Time
	skipped  time.Duration // of head starts, as candidates have failed
	left     []candidate   // not started, in the order of their time
	started  []candidate
	failures []error
	lost     map[candidate]bool // failed in the network
	results  chan result        // has room for all
}

type result struct {
	candidate candidate
	link      transport.Link
	err       error
}

func (r *race) run(ctx context.Context) (transport.Link, error) {
	r.lost = make(map[candidate]bool)
	r.begin = time.Now()
	headStart := time.NewTimer(0)
	defer headStart.Stop()
	for len(r.failures) < len(r.started) || len(r.left) > 0 {
		if wait := r.startDue(ctx); wait >= 0 {
			headStart.Reset(wait)
		}
		select {
		case <-headStart.C:
		case one := <-r.results:
			if one.err == nil {
				r.won(one.candidate)
				r.abandon(len(r.started) - len(r.failures) - 1)
				return one.link, nil
			}
			r.failures = append(r.failures, one.err)
			r.lost[one.candidate] = errors.Is(one.err, transport.ErrNetwork)
			r.skip()
		case <-ctx.Done():
			r.abandon(len(r.started) - len(r.failures))
			return nil, ctx.Err()
		}
	}
	return nil, errors.Join(r.failures...)
}

// startDue begins the attempts whose time has come, and returns how long it is to the
// next one, negative if there is none.
func (r *race) startDue(ctx context.Context) time.Duration {
	for len(r.left) > 0 {
		if wait := r.wait(); wait > 0 {
			return wait
		}
		r.start(ctx)
	}
	return -1
}

// wait is how long it is until the next attempt.
func (r *race) wait() time.Duration { return r.left[0].at - r.skipped - time.Since(r.begin) }

// skip has the next attempt begin now, and those after it as much sooner.
func (r *race) skip() {
	if len(r.left) > 0 {
		r.skipped += max(0, r.wait())
	}
}

// start begins the next attempt. Its goroutine ends soon after the context.
func (r *race) start(ctx context.Context) {
	next := r.left[0]
	r.left = r.left[1:]
	r.started = append(r.started, next)
	r.chooser.work.Go(func() {
		made, err := next.transport.Dial(ctx, next.addr, r.want)
		if err == nil {
			made = &link{made, next.transport.Scheme()}
		}
		r.results <- result{next, made, err}
	})
}

// abandon closes the links of attempts that come too late.
func (r *race) abandon(pending int) {
	r.chooser.work.Go(func() {
		for range pending {
			if late := <-r.results; late.err == nil {
				_ = late.link.Close(nil)
			}
		}
	})
}

// won remembers what the winner says about those before it.
func (r *race) won(winner candidate) {
	t := r.chooser
	t.blocked.forget(winner.place())
	now := time.Now()
	for _, loser := range r.started {
		answered := loser == winner || loser.rank >= winner.rank || r.refused(loser)
		if answered || loser.place().host != winner.place().host {
			continue
		}
		if t.blocked.note(loser.place(), now, now.Add(t.config.Recheck)) {
			t.config.Logger.Info("transport does not get through",
				"transport", loser.transport.Scheme(), "addr", loser.addr,
				"instead", winner.transport.Scheme(), "again_in", t.config.Recheck)
		}
	}
}

// refused says whether an attempt has failed for another reason than the
// network, and so was answered.
func (r *race) refused(c candidate) bool {
	network, failed := r.lost[c]
	return failed && !network
}
