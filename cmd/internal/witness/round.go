package witness

import (
	"fmt"
	"maps"
	"time"
)

// Round is the quiet end of a round.
type Round struct {
	Mended time.Time     // since when nothing is wrong any more
	Until  time.Time     // what was sent by then must have arrived
	Within time.Duration // how long after it was mended things may still fail
}

// Close checks the quiet time of a round, and tells after how much of it the last request or
// message has failed. What was entered in the round before is forgotten.
func (l *Ledger) Close(r Round, now time.Time) (mendedAfter time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	mendedAfter = max(l.closeCalls(r), l.closeMessages(r))
	for to, since := range l.receivers {
		l.hold(Outlives, !since.IsZero() && since.Before(r.Mended.Add(r.Within)), func() string {
			return fmt.Sprintf("%v is not back at %s, %v after all was mended", to, l.at(now), now.Sub(r.Mended).Round(time.Millisecond))
		})
	}
	for t := range l.waits {
		t.overdue(now)
	}
	l.forgetRound(r)
	return mendedAfter
}

// saysNotRun reports whether an outcome says that no member has run the request: docs/semantics.md.
func saysNotRun(outcome string) bool {
	return outcome == outcomeNotSent || outcome == outcomeOverloaded || outcome == outcomeStopping
}

func (l *Ledger) closeCalls(r Round) (last time.Duration) {
	for _, calls := range l.calls {
		for n, c := range calls {
			l.hold(SaysWhat, c.runs == 0 || !saysNotRun(c.outcome), func() string {
				return fmt.Sprintf("request %d of %s ran, and is told as %s", n, c.from, c.outcome)
			})
			after := c.asked.Sub(r.Mended)
			if after < 0 || c.asked.After(r.Until) {
				continue
			}
			failed := c.outcome != outcomeReply && (c.outcome != outcomeTimedOut || !c.timesOut && c.deadline.Sub(c.asked) >= brief)
			if failed {
				last = max(last, after)
			}
			if after > r.Within {
				l.hold(NothingLost, !failed, func() string {
					return fmt.Sprintf("%s, %v after all was mended (%s): number %d is told as %q", c.from, after.Round(time.Millisecond), l.at(c.asked), n, c.outcome)
				})
			}
		}
	}
	return last
}

// missed is how many messages of a sender a receiver has got, and not got, in good order.
type missed struct {
	got, not int
	first    string
}

func (l *Ledger) closeMessages(r Round) (last time.Duration) {
	pairs := make(map[[3]string]*missed)
	for _, m := range l.messages {
		after := m.sent.Sub(r.Mended)
		if after < 0 || m.sent.After(r.Until) || !m.certain {
			continue
		}
		for to, since := range l.receivers {
			if to.name != m.name || since.IsZero() || since.Add(fresh).After(m.sent) {
				continue
			}
			if !m.reached[to.who] {
				last = max(last, after)
			}
			if after > r.Within {
				pair(pairs, [3]string{m.from, to.who, m.name}).count(m.reached[to.who], func() string {
					return fmt.Sprintf("message %d of %s, sent at %s, %v after all was mended", m.number, m.from, l.at(m.sent), after.Round(time.Millisecond))
				})
			}
		}
	}
	for key, p := range pairs {
		why := func() string {
			return fmt.Sprintf("%s to %s of %s: %d came, %d did not; first %s", key[0], key[1], key[2], p.got, p.not, p.first)
		}
		l.hold(AllReachAll, p.got > 0, why)
		l.hold(NothingLost, p.got == 0 || p.not == 0, why)
	}
	return last
}

func pair(pairs map[[3]string]*missed, key [3]string) *missed {
	p := pairs[key]
	if p == nil {
		p = new(missed)
		pairs[key] = p
	}
	return p
}

func (p *missed) count(reached bool, why func() string) {
	if reached {
		p.got++
		return
	}
	if p.not++; p.not == 1 {
		p.first = why()
	}
}

// forgetRound keeps what was entered since the last one.
func (l *Ledger) forgetRound(r Round) {
	l.calls = [2]map[uint64]*call{make(map[uint64]*call), l.calls[0]}
	l.seen = [2]map[arrival]bool{make(map[arrival]bool), l.seen[0]}
	l.tunnels = [2]map[uint64]*passage{make(map[uint64]*passage), l.tunnels[0]}
	kept := 0
	for kept < len(l.messages) && !l.messages[kept].sent.After(r.Until) {
		kept++
	}
	l.messages = append([]*message(nil), l.messages[kept:]...)
	maps.DeleteFunc(l.last, func(way line, _ uint64) bool { return way.life != l.receivers[way.to] })
	for node, pauses := range l.pauses {
		if len(pauses) > 8 {
			l.pauses[node] = pauses[len(pauses)-8:]
		}
	}
}

// Counts returns how often each promise was held, and broken.
func (l *Ledger) Counts() map[string]Count {
	l.mu.Lock()
	defer l.mu.Unlock()
	all := make(map[string]Count)
	for promise, c := range l.counts {
		all[promise] = *c
	}
	return all
}

// Outcomes returns what came of requests, tunnels and streams.
func (l *Ledger) Outcomes() map[string]int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return maps.Clone(l.outcomes)
}
