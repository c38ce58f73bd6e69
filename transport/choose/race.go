package choose

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/project-iris/iris/transport"
)

// A candidate is one transport and one of the addresses.
type candidate struct {
	transport transport.Transport
	addr      string // without the scheme
	rank      int    // the transport's place in the order of preference
}

func (c candidate) place() place { return placeOf(c.transport.Scheme(), c.addr) }

// candidates are the pairs to try, in order: by preference, those that are
// blocked last.
func (t *Transport) candidates(list string) []candidate {
	var open, shut []candidate
	now := time.Now()
	for rank, one := range t.config.Transports {
		for full := range strings.SplitSeq(list, ",") {
			scheme, addr := transport.SplitAddr(strings.TrimSpace(full))
			if addr == "" || (scheme != "" && scheme != one.Scheme()) {
				continue
			}
			c := candidate{one, addr, rank}
			if t.blocked.has(c.place(), now) {
				shut = append(shut, c)
			} else {
				open = append(open, c)
			}
		}
	}
	return append(open, shut...)
}

// A race is one dial: attempts that start one after the other.
type race struct {
	chooser *Transport
	want    transport.PeerID

	left     []candidate // not started
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
	headStart := time.NewTimer(r.chooser.config.HeadStart)
	defer headStart.Stop()
	r.start(ctx)
	for len(r.failures) < len(r.started) || len(r.left) > 0 {
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
		case <-ctx.Done():
			r.abandon(len(r.started) - len(r.failures))
			return nil, ctx.Err()
		}
		if len(r.left) > 0 {
			r.start(ctx)
			headStart.Reset(r.chooser.config.HeadStart)
		}
	}
	return nil, errors.Join(r.failures...)
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
				"transport", loser.transport.Scheme(), "remote", loser.addr,
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
