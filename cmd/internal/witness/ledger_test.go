package witness

import (
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// held plays a history, and returns the promises that it breaks.
func held(t *testing.T, history func(l *Ledger, mended time.Time)) (broken []string) {
	synctest.Test(t, func(*testing.T) {
		l := NewLedger()
		for _, who := range []string{"a", "b"} {
			l.present(receiver{who, topicNews}, l.start)
		}
		mended := l.start.Add(10 * time.Second)
		history(l, mended)
		l.Close(Round{Mended: mended, Until: mended.Add(10 * time.Second), Within: 5 * time.Second}, mended.Add(15*time.Second))
		for promise, count := range l.Counts() {
			if count.Broken > 0 {
				broken = append(broken, promise)
			}
		}
	})
	slices.Sort(broken)
	return broken
}

// request is one that ran so often, and what its application was told.
func request(l *Ledger, asked time.Time, runs int, outcome string) {
	n := l.ask("a", asked, asked.Add(time.Second), false)
	for range runs {
		l.run(n)
	}
	l.answer(n, asked, outcome, replyTo(n))
}

// event is one that reaches a and, if it is not lost, b.
func event(l *Ledger, sent time.Time, lost bool) {
	m := l.send("a", topicNews, sent)
	l.sure(m)
	l.receive("a", 0, m.number, receiver{"a", topicNews})
	if !lost {
		l.receive("a", 0, m.number, receiver{"b", topicNews})
	}
}

// Each promise is seen to be broken, and nothing else is.
func TestWhatBreaksAPromise(t *testing.T) {
	to := receiver{"b", topicNews}
	late := 7 * time.Second // after all was mended, and so in good order
	for _, row := range []struct {
		name    string
		broken  string // promises, separated by commas
		history func(l *Ledger, mended time.Time)
	}{
		{"nothing happens", "", func(*Ledger, time.Time) {}},
		{"all is well", "", func(l *Ledger, mended time.Time) {
			request(l, mended.Add(late), 1, outcomeReply)
			event(l, mended.Add(late), false)
		}},
		{"things fail before they are mended", "", func(l *Ledger, mended time.Time) {
			request(l, mended.Add(-time.Second), 1, "fault member lost")
			request(l, mended.Add(-time.Second), 0, outcomeNotSent)
			event(l, mended.Add(-time.Second), true)
		}},
		{"things fail soon after", "", func(l *Ledger, mended time.Time) {
			request(l, mended.Add(time.Second), 0, outcomeTimedOut)
			event(l, mended.Add(time.Second), true)
		}},
		{"a request runs twice", RunsOnce, func(l *Ledger, mended time.Time) { request(l, mended, 2, outcomeReply) }},
		{"a reply without a run", SaysWhat, func(l *Ledger, mended time.Time) { request(l, mended, 0, outcomeReply) }},
		{"the reply of another", SaysWhat, func(l *Ledger, mended time.Time) {
			n := l.ask("a", mended, mended, false)
			l.run(n)
			l.answer(n, mended, outcomeReply, replyTo(n+1))
		}},
		{"it ran and is told as not sent", SaysWhat, func(l *Ledger, mended time.Time) { request(l, mended.Add(-time.Second), 1, outcomeNotSent) }},
		{"it ran and is told as of a node that stops", SaysWhat, func(l *Ledger, mended time.Time) { request(l, mended.Add(-time.Second), 1, outcomeStopping) }},
		{"it ran and is told as overloaded", SaysWhat, func(l *Ledger, mended time.Time) { request(l, mended.Add(-time.Second), 1, outcomeOverloaded) }},
		{"a request fails in good order", NothingLost, func(l *Ledger, mended time.Time) { request(l, mended.Add(late), 0, outcomeTimedOut) }},
		{"a request with little patience times out", "", func(l *Ledger, mended time.Time) {
			n := l.ask("a", mended.Add(late), mended.Add(late+brief/2), false)
			l.answer(n, mended.Add(late+brief/2), outcomeTimedOut, "")
		}},
		{"nobody serves the cluster", "", func(l *Ledger, mended time.Time) {
			n := l.ask("a", mended.Add(late), mended.Add(late+2*brief), true)
			l.answer(n, mended.Add(late+2*brief), outcomeTimedOut, "")
		}},
		{"a request has no answer in good order", NothingLost, func(l *Ledger, mended time.Time) { l.ask("a", mended.Add(late), mended.Add(late), false) }},
		{"an event is lost in good order", NothingLost, func(l *Ledger, mended time.Time) {
			event(l, mended.Add(late), false)
			event(l, mended.Add(late), true)
		}},
		{"no event comes", AllReachAll, func(l *Ledger, mended time.Time) { event(l, mended.Add(late), true) }},
		{"an event comes twice", AtMostOnce, func(l *Ledger, mended time.Time) {
			event(l, mended, false)
			l.receive("a", 0, l.number, to)
		}},
		{"events overtake each other", InOrder, func(l *Ledger, _ time.Time) {
			l.receive("a", 0, 2, to)
			l.receive("a", 0, 1, to)
		}},
		{"events of two connections overtake each other", "", func(l *Ledger, _ time.Time) {
			l.receive("a", 1, 2, to)
			l.receive("a", 0, 1, to)
		}},
		{"an application does not come back", Outlives, func(l *Ledger, _ time.Time) { l.present(to, time.Time{}) }},
		{"a tunnel skips a message", WholeTunnel, func(l *Ledger, _ time.Time) { l.out(l.open(), 2) }},
		{"a tunnel that is cut off looks whole", HonestEnd, func(l *Ledger, _ time.Time) {
			tunnel := l.open()
			l.out(tunnel, 1)
			l.into(tunnel, 2, 0)
			l.over(tunnel, true)
		}},
		{"a tunnel that is cut off says so", "", func(l *Ledger, _ time.Time) {
			tunnel := l.open()
			l.into(tunnel, 2, 0)
			l.over(tunnel, false)
		}},
		{"a stream that is cut off looks whole", HonestEnd, func(l *Ledger, mended time.Time) { l.end(kindStream, mended, nil, false) }},
	} {
		t.Run(row.name, func(t *testing.T) {
			if broken := strings.Join(held(t, row.history), ","); broken != row.broken {
				t.Errorf("it breaks %q, not %q", broken, row.broken)
			}
		})
	}
}

// What a node answers is held against what was asked, and a pause of its process excuses it.
func TestAnswersOfANode(t *testing.T) {
	for _, row := range []struct {
		name   string
		broken string
		play   func(l *Ledger, tapped *tapped, asked time.Time)
	}{
		{"in time", "", func(_ *Ledger, p *tapped, asked time.Time) { p.answered(1, false, asked.Add(time.Second)) }},
		{"never", OneAnswer, func(*Ledger, *tapped, time.Time) {}},
		{"twice", OneAnswer, func(_ *Ledger, p *tapped, asked time.Time) {
			p.answered(1, false, asked)
			p.answered(1, false, asked)
		}},
		{"late", InTime, func(_ *Ledger, p *tapped, asked time.Time) { p.answered(1, false, asked.Add(4*time.Second)) }},
		{"late, after a pause", "", func(l *Ledger, p *tapped, asked time.Time) {
			l.Paused("node", asked, asked.Add(time.Minute))
			l.Resumed("node", asked.Add(4*time.Second))
			p.answered(1, false, asked.Add(4*time.Second))
		}},
		{"late, as it was read after a pause", "", func(l *Ledger, p *tapped, asked time.Time) {
			l.Paused("node", asked.Add(-time.Second), asked.Add(time.Minute))
			l.Resumed("node", asked.Add(1500*time.Millisecond))
			p.answered(1, false, asked.Add(4*time.Second))
		}},
		{"late, after an earlier pause", InTime, func(l *Ledger, p *tapped, asked time.Time) {
			l.Paused("node", asked.Add(-2*time.Second), asked.Add(-time.Second))
			p.answered(1, false, asked.Add(4*time.Second))
		}},
		{"late, long after a pause", InTime, func(l *Ledger, p *tapped, asked time.Time) {
			l.Paused("node", asked, asked.Add(time.Minute))
			l.Resumed("node", asked.Add(2500*time.Millisecond))
			p.answered(1, false, asked.Add(6*time.Second))
		}},
		{"late, after a pause of another", InTime, func(l *Ledger, p *tapped, asked time.Time) {
			l.Paused("other", asked, asked.Add(5*time.Second))
			p.answered(1, false, asked.Add(4*time.Second))
		}},
		{"late, as the machine was busy", "", func(l *Ledger, p *tapped, asked time.Time) {
			l.Paused(everybody, asked, asked.Add(4*time.Second))
			p.answered(1, false, asked.Add(4*time.Second))
		}},
		{"given up too early", SaysWhat, func(_ *Ledger, p *tapped, asked time.Time) { p.answered(1, true, asked.Add(time.Second)) }},
	} {
		t.Run(row.name, func(t *testing.T) {
			broken := held(t, func(l *Ledger, mended time.Time) {
				p := &tapped{ledger: l, node: "node", open: map[uint64]wait{}}
				l.watch(p, true)
				p.asks(1, mended, mended.Add(2*time.Second))
				row.play(l, p, mended)
			})
			if got := strings.Join(broken, ","); got != row.broken {
				t.Errorf("it breaks %q, not %q", got, row.broken)
			}
		})
	}
}

// A ledger holds what two rounds have, and no more.
func TestALedgerForgets(t *testing.T) {
	l := NewLedger()
	l.present(receiver{"a", topicNews}, l.start)
	for range 5 {
		now := time.Now()
		for range 100 {
			request(l, now, 1, outcomeReply)
			event(l, now, true)
			l.out(l.open(), 1)
		}
		l.Close(Round{Mended: now, Until: now, Within: time.Hour}, now)
	}
	calls, tunnels, seen := len(l.calls[0])+len(l.calls[1]), len(l.tunnels[0])+len(l.tunnels[1]), len(l.seen[0])+len(l.seen[1])
	if calls != 100 || tunnels != 100 || seen != 100 || len(l.messages) != 0 {
		t.Errorf("%d calls, %d tunnels, %d arrivals and %d messages are kept", calls, tunnels, seen, len(l.messages))
	}
}
