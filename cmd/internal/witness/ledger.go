package witness

import (
	"context"
	"fmt"
	"sync"
	"time"
)

// How exact the ledger is: the machine may be busy, and the binding counts in milliseconds.
const (
	slack = 750 * time.Millisecond
	early = 5 * time.Millisecond

	openTime = 5 * time.Second // what a tunnel or a stream has, from its opening to its end
	brief    = time.Second     // a request with less patience may time out on a machine that is busy
	fresh    = time.Second     // how long a receiver has to be there before a message has to reach it
)

// Ledger is what applications have sent and seen. Methods may be called by any goroutine.
type Ledger struct {
	start time.Time

	mu        sync.Mutex
	counts    map[string]*Count
	outcomes  map[string]int // of calls, tunnels and streams
	calls     [2]map[uint64]*call
	messages  []*message
	seen      [2]map[arrival]bool
	last      map[line]uint64
	receivers map[receiver]time.Time // since when they are there; zero: they are away
	tunnels   [2]map[uint64]*passage
	pauses    map[string][]span
	waits     map[*tapped]bool
	latencies []time.Duration // of calls with a reply; what Latencies takes
	number    uint64          // of what was sent last
}

// call is a request.
type call struct {
	from     string
	asked    time.Time
	deadline time.Time
	timesOut bool // even in good order
	runs     int
	outcome  string // empty: none yet
}

// message is an event or a broadcast.
type message struct {
	from    string
	name    string
	number  uint64
	sent    time.Time
	certain bool // it was given to the node in whole
	reached map[string]bool
}

// receiver is who gets the messages of a name.
type receiver struct{ who, name string }

// line is messages that have to come in order: those of a sender, by one connection, to one
// connection of a receiver.
type line struct {
	from string
	turn int
	to   receiver
	life time.Time
}

// arrival is a message at a receiver.
type arrival struct {
	number uint64
	to     receiver
}

// passage is what went into a tunnel, and what came out.
type passage struct {
	sent    uint64
	unsure  uint64 // messages of which the sender does not know whether they were sent
	closed  bool   // by the sender
	got     uint64
	wellEnd bool // the receiver saw the end of one that was closed
	ended   bool
}

type span struct{ from, to time.Time }

// NewLedger returns an empty ledger.
func NewLedger() *Ledger {
	l := &Ledger{
		start: time.Now(), counts: make(map[string]*Count), outcomes: make(map[string]int),
		last: make(map[line]uint64), receivers: make(map[receiver]time.Time),
		pauses: make(map[string][]span), waits: make(map[*tapped]bool),
	}
	for i := range l.calls {
		l.calls[i], l.seen[i], l.tunnels[i] = make(map[uint64]*call), make(map[arrival]bool), make(map[uint64]*passage)
	}
	return l
}

// at tells a time from the start.
func (l *Ledger) at(t time.Time) string { return t.Sub(l.start).Round(time.Millisecond).String() }

// next numbers what is sent.
func (l *Ledger) next() uint64 {
	l.number++
	return l.number
}

// Paused says that what a node owes may be late by a pause of its process.
func (l *Ledger) Paused(node string, from, to time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.pauses[node] = append(l.pauses[node], span{from, to})
}

// Resumed says that the last pause of a node is over.
func (l *Ledger) Resumed(node string, now time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if pauses := l.pauses[node]; len(pauses) > 0 {
		pauses[len(pauses)-1].to = now
	}
}

// wait is a request that a node has to answer.
type wait struct{ asked, deadline time.Time }

// latest is when an answer has to be there. What came while the process of the node was not let run
// is read afterwards, and its time counts from then on. A pause that lasts has no end yet.
func (l *Ledger) latest(node string, w wait) time.Time {
	latest := w.deadline
	for _, pauses := range [][]span{l.pauses[node], l.pauses[everybody]} {
		for _, p := range pauses {
			if after := p.to.Add(w.deadline.Sub(w.asked)); p.from.Before(w.deadline.Add(slack)) && p.to.After(w.asked) && after.After(latest) {
				latest = after
			}
		}
	}
	return latest.Add(slack)
}

// ask enters a request.
func (l *Ledger) ask(from string, now, deadline time.Time, timesOut bool) uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	n := l.next()
	l.calls[0][n] = &call{from: from, asked: now, deadline: deadline, timesOut: timesOut}
	return n
}

func (l *Ledger) call(n uint64) *call {
	if c := l.calls[0][n]; c != nil {
		return c
	}
	return l.calls[1][n]
}

// run enters that a member runs a request.
func (l *Ledger) run(n uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	c := l.call(n)
	if c == nil {
		return // of two rounds ago
	}
	c.runs++
	l.hold(RunsOnce, c.runs == 1, func() string { return fmt.Sprintf("request %d of %s ran %d times", n, c.from, c.runs) })
}

// answer enters what came of a request.
func (l *Ledger) answer(n uint64, now time.Time, outcome, reply string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.outcomes["request: "+outcome]++
	c := l.call(n)
	if c == nil {
		return
	}
	c.outcome = outcome
	ran := outcome == outcomeReply
	if ran {
		l.latencies = append(l.latencies, now.Sub(c.asked))
	}
	l.hold(SaysWhat, !ran || c.runs > 0 && reply == replyTo(n), func() string {
		return fmt.Sprintf("request %d of %s ran %d times and has the reply %.40q", n, c.from, c.runs, reply)
	})
}

// Latencies takes how long replies took since the last call.
func (l *Ledger) Latencies() []time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	took := l.latencies
	l.latencies = nil
	return took
}

// send enters a message that is about to be sent.
func (l *Ledger) send(from, name string, now time.Time) *message {
	l.mu.Lock()
	defer l.mu.Unlock()
	m := &message{from: from, name: name, number: l.next(), sent: now, reached: make(map[string]bool)}
	l.messages = append(l.messages, m)
	return m
}

// sure enters that a message was given to the node.
func (l *Ledger) sure(m *message) {
	l.mu.Lock()
	defer l.mu.Unlock()
	m.certain = true
}

// receive enters a message that has come.
func (l *Ledger) receive(from string, turn int, number uint64, to receiver) {
	l.mu.Lock()
	defer l.mu.Unlock()
	a := arrival{number, to}
	again := l.seen[0][a] || l.seen[1][a]
	l.seen[0][a] = true
	l.hold(AtMostOnce, !again, func() string { return fmt.Sprintf("message %d of %s came to %v again", number, from, to) })
	way := line{from, turn, to, l.receivers[to]}
	before := l.last[way]
	l.hold(InOrder, again || number > before, func() string {
		return fmt.Sprintf("message %d of %s came to %v after %d", number, from, to, before)
	})
	l.last[way] = max(before, number)
	for i := len(l.messages) - 1; i >= 0; i-- {
		if m := l.messages[i]; m.number == number {
			m.reached[to.who] = true
			break
		} else if m.number < number {
			break
		}
	}
}

// present says since when a receiver is there; zero: it is away.
func (l *Ledger) present(r receiver, since time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.receivers[r] = since
}

// forget says that a receiver has left for good.
func (l *Ledger) forget(r receiver) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.receivers, r)
}

func (l *Ledger) passage(n uint64) *passage {
	for _, m := range l.tunnels {
		if p := m[n]; p != nil {
			return p
		}
	}
	return new(passage)
}

// open enters a tunnel.
func (l *Ledger) open() uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	n := l.next()
	l.tunnels[0][n] = new(passage)
	return n
}

// into enters what the sender of a tunnel has sent when it has closed it.
func (l *Ledger) into(tunnel, sent, unsure uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	p := l.passage(tunnel)
	p.sent, p.unsure, p.closed = sent, unsure, true
	l.whole(tunnel, p)
}

// out enters the next message of a tunnel.
func (l *Ledger) out(tunnel, number uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	p := l.passage(tunnel)
	p.got++
	l.hold(WholeTunnel, number == p.got, func() string { return fmt.Sprintf("tunnel %d: message %d came in place of %d", tunnel, number, p.got) })
}

// over enters that the receiver has seen the end of a tunnel.
func (l *Ledger) over(tunnel uint64, wellEnd bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	p := l.passage(tunnel)
	p.ended, p.wellEnd = true, wellEnd
	l.whole(tunnel, p)
}

// whole checks a tunnel of which both ends are known.
func (l *Ledger) whole(tunnel uint64, p *passage) {
	if !p.closed || !p.ended || !p.wellEnd {
		return
	}
	l.hold(HonestEnd, p.got >= p.sent && p.got <= p.sent+p.unsure, func() string {
		return fmt.Sprintf("tunnel %d ended well: %d messages were sent, %d came", tunnel, p.sent, p.got)
	})
}

// end enters what came of a tunnel or a stream that was opened in good order or not.
func (l *Ledger) end(kind string, opened time.Time, err error, whole bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.outcomes[kind+": "+outcomeOf(err)]++
	if err == nil && kind == kindStream {
		l.hold(HonestEnd, whole, func() string {
			return fmt.Sprintf("the stream that was opened at %s ended well, and is not whole", l.at(opened))
		})
	}
	l.calls[0][l.next()] = &call{from: kind, asked: opened, deadline: opened.Add(openTime), outcome: map[bool]string{true: outcomeReply, false: outcomeOf(err)}[err == nil]}
}

// beat is how often Watch looks, and stall is how late it has to be for others to be excused.
const (
	beat  = 50 * time.Millisecond
	stall = 200 * time.Millisecond
)

// Watch looks until the context ends whether this process is let run, and takes each time in which
// it was not for a pause of all nodes: they run on the same machine. It returns the longest.
func (l *Ledger) Watch(ctx context.Context) (longest time.Duration) {
	ticker := time.NewTicker(beat)
	defer ticker.Stop()
	for before := time.Now(); ; {
		select {
		case <-ctx.Done():
			return longest
		case <-ticker.C:
		}
		now := time.Now()
		late := now.Sub(before) - beat
		if longest = max(longest, late); late > stall {
			l.Paused(everybody, before, now)
		}
		before = now
	}
}

const everybody = ""
