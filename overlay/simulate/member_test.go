package simulate

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/project-iris/iris/overlay/balance"
	"github.com/project-iris/iris/overlay/deadline"
	"github.com/project-iris/iris/overlay/multicast"
	"github.com/project-iris/iris/overlay/names"
	"github.com/project-iris/iris/overlay/wire"
)

// The faults of the network that requests are answered with.
const (
	faultDraining   = "node is stopping"
	faultOverloaded = "overloaded"
	faultLost       = "member lost"
)

var (
	errLeft = errors.New("member has left")
	errFull = errors.New("member has no room")
)

// member is an attached application: overlay.Member and its handler in one. Its functions
// have the names of those in overlay/member and overlay/remote whose decisions they are.
type member struct {
	node    *node
	number  int
	cluster string
	hasty   bool
	manner  manner
	room    names.Room
	gauge   balance.Gauge
	load    int64
	asked   deadline.Table[*call]
	served  deadline.Table[served]
	sender  *multicast.Sender

	left, gone, crashed bool
	drained             bool // its node is being stopped
	busyUntil           time.Time
	born, leftAt        time.Time

	topics  map[string]time.Time // since when all know that it is subscribed; zero: not yet
	since   time.Time            // since when all know that it is in its cluster
	outbox  []*message
	blocked bool
	seen    map[string][]int // numbers of messages, by sender and name
}

// manner is how a service answers.
type manner struct {
	takes  time.Duration
	twice  bool
	never  bool
	strays bool // it answers what it was not given too
}

// call is a request, with what came of it.
type call struct {
	number             int
	from               *member
	cluster            string
	asked, deadline    time.Time
	hasty              bool
	answers            []string
	answered           time.Time
	reply              string
	runs               int
	handedAfterLeaving bool
}

// served is a request that a member has in hand.
type served struct {
	origin origin
	token  uint64
	since  time.Time
}

// origin is who waits for an answer: a member of the node, or another node.
type origin interface {
	answer(token uint64, ok bool, body string, load int64)
}

// calls are requests that another node has: remote.Remote.
type calls = deadline.Table[sent]

type sent struct {
	from    *member
	attempt names.Attempt
	at      time.Time
	gauge   *balance.Gauge
}

func (m *member) Load() int64                { return m.load }
func (m *member) Take()                      { m.load++ }
func (m *member) Cost(now time.Time) float64 { return m.gauge.CostWith(now, m.load) }
func (m *member) Room() *names.Room          { return &m.room }

// Measured is what the cost is made of.
func (m *member) Measured(now time.Time) balance.Measured { return m.gauge.MeasuredWith(now, m.load) }

func (m *member) Open(token uint64) bool { return m.asked.Has(token) }

// attach attaches a member to a node.
func (n *node) attach(cluster string, hasty bool, how manner) *member {
	w := n.world
	m := &member{node: n, number: len(w.members), cluster: cluster, hasty: hasty, manner: how, born: w.now}
	m.topics, m.seen = make(map[string]time.Time), make(map[string][]int)
	m.sender = n.multicast.Sender(uint64(m.number))
	w.members = append(w.members, m)
	n.members = append(n.members, m)
	w.note("attach "+cluster, n.number, m.number)
	resumed, err := n.names.Attach(m, cluster)
	if err != nil {
		panic(err) // there are few names
	}
	n.resume(resumed)
	if cluster != "" {
		m.makeRoom()
		n.confirm(func(all bool) {
			if all && !m.left {
				m.since = w.now
			}
		})
	}
	return m
}

func (m *member) makeRoom() {
	n := m.node
	n.names.MakeRoom(m)
	for range 1000 {
		resumed := n.names.Fill(m)
		if len(resumed.Requests) == 0 {
			return
		}
		n.resume(resumed)
	}
}

func (m *member) leave() {
	if m.left || m.cluster == "" {
		return
	}
	m.node.world.note("leave", m.node.number, m.number)
	m.node.resume(m.node.names.Leave(m))
	m.left, m.leftAt = true, m.node.world.now
}

// close is overlay.Member.Close.
func (m *member) close() {
	if m.gone {
		return
	}
	m.leave()
	m.gone = true
	n := m.node
	n.world.note("close", n.number, m.number)
	m.asked.DeleteFunc(func(*call) bool { return true })
	for _, s := range n.sides() {
		s.calls.DeleteFunc(func(c sent) bool {
			if c.from == m {
				c.gauge.Drop()
			}
			return c.from == m
		})
	}
	var lost []served
	m.served.DeleteFunc(func(s served) bool { lost = append(lost, s); return true })
	slices.SortStableFunc(lost, func(a, b served) int { return a.since.Compare(b.since) })
	n.resume(n.names.Detach(m))
	for _, s := range lost {
		s.origin.answer(s.token, false, faultLost, 0)
		m.load--
	}
	n.members = slices.DeleteFunc(n.members, func(o *member) bool { return o == m })
}

// ask is overlay.Member.Request.
func (m *member) ask(cluster string, timeout time.Duration) *call {
	n := m.node
	w := n.world
	c := &call{number: len(w.calls), from: m, cluster: cluster, asked: w.now, deadline: w.now.Add(timeout), hasty: m.hasty}
	w.calls = append(w.calls, c)
	w.note("ask "+cluster, m.number, c.number)
	if timeout <= 0 {
		m.end(c, "timed out", "")
		return c
	}
	if n.draining && m.load == 0 {
		m.end(c, faultDraining, "")
		return c
	}
	token := m.asked.Add(c.deadline, c)
	m.dispatch(names.Attempt{Token: token, Cluster: []byte(cluster), Body: strconv.AppendInt(nil, int64(c.number), 10), Deadline: c.deadline, Impatient: m.hasty})
	return c
}

func (m *member) dispatch(a names.Attempt) {
	n := m.node
	for range 1000 {
		if m.try(&a) {
			return
		}
		switch n.names.HoldForRoom(n.world.now, m, &a) {
		case names.HoldsIt:
			return
		case names.CannotHold:
			m.fail(a.Token, faultOverloaded)
			return
		}
	}
	panic("a request is tried for ever")
}

// try reports whether the request is gone: taken, held or answered.
func (m *member) try(a *names.Attempt) bool {
	n := m.node
	for range 1000 {
		to, verdict := n.names.PickOrHold(n.world.now, m, a)
		switch verdict {
		case names.Held:
			return true
		case names.Draining:
			m.fail(a.Token, faultDraining)
			return true
		case names.Nobody:
			if c, open := m.asked.Take(a.Token); open {
				m.end(c, "nobody", "")
			}
			return true
		case names.Picked:
		default:
			return false
		}
		err := m.hand(to, a)
		switch {
		case err == nil:
			return true
		case errors.Is(err, errLeft):
		default:
			a.Refused.AddMember()
			n.names.Refused(to)
		}
	}
	panic("a request is handed over for ever")
}

func (m *member) hand(to names.Target, a *names.Attempt) error {
	n := m.node
	if to.Member != nil {
		return to.Member.(*member).serve(m, a.Token, string(a.Body), a.Deadline)
	}
	s := n.links[to.Node]
	if s == nil {
		return errLeft
	}
	s.ask(m, a, to.Gauge)
	return nil
}

// ask is remote.Remote.Ask.
func (s *side) ask(from *member, a *names.Attempt, g *balance.Gauge) {
	now := s.node.world.now
	left := a.Deadline.Sub(now)
	if left <= 0 {
		return
	}
	g.Begin()
	id := s.calls.Add(a.Deadline, sent{from: from, attempt: a.Back(nil, nil), at: now, gauge: g})
	m := wire.Request{ID: id, Timeout: uint64(left.Microseconds()) + 1, Cluster: a.Cluster, Body: a.Body}
	s.send(from.number%lanes, m.Append(nil))
	if !s.watch {
		s.watch = true
		s.node.world.after(silenceAfter, s.node, s.look)
	}
}

// serve is remote.Remote.serve, and overlay.host.Serve.
func (s *side) serve(r *wire.Request) {
	n := s.node
	deadline := n.world.now.Add(wire.Duration(r.Timeout))
	back := wire.Refusal{ID: r.ID, Reason: wire.ReasonNoMember, Cluster: r.Cluster, Body: r.Body}
	if n.draining {
		back.Reason = wire.ReasonDraining
	}
	for range 1000 {
		to, full := n.names.PickLocal(r.Cluster, &names.Refusals{})
		if full != nil {
			back.Reason, back.Load = wire.ReasonOverloaded, uint64(full.Load())
		}
		if to.Member == nil {
			s.send(int(r.ID%lanes), back.Append(nil))
			return
		}
		err := to.Member.(*member).serve(s, r.ID, string(r.Body), deadline)
		if err == nil {
			return
		}
		if !errors.Is(err, errLeft) {
			n.names.Refused(to)
		}
	}
	panic("a request is refused for ever")
}

// answer is remote.Remote.Answer.
func (s *side) answer(token uint64, ok bool, body string, load int64) {
	if s.down {
		return
	}
	m := wire.Reply{ID: token, Status: wire.StatusReply, Load: uint64(max(load, 0)), Body: []byte(body)}
	if !ok {
		m.Status = wire.StatusFault
	}
	s.send(int(token%lanes), m.Append(nil))
}

func (s *side) replied(m *wire.Reply) {
	c, ok := s.calls.Take(m.ID)
	if !ok {
		return
	}
	now, good := s.node.world.now, m.Status == wire.StatusReply
	c.gauge.Answered(now, now.Sub(c.at), m.Load, !good)
	c.from.answer(c.attempt.Token, good, string(m.Body), 0)
	if c.attempt.Waited != "" {
		s.node.resume(s.node.names.Answered(c.attempt.Waited))
	}
}

func (s *side) refused(m *wire.Refusal) {
	c, ok := s.calls.Take(m.ID)
	if !ok {
		return
	}
	busy := m.Reason != wire.ReasonNoMember && m.Reason != wire.ReasonDraining
	if busy {
		c.gauge.Refused(s.node.world.now, m.Load)
	} else {
		c.gauge.Drop()
	}
	back := c.attempt.Back(m.Cluster, m.Body)
	back.Refused.Add(names.Target{Node: s.other.id}, busy)
	c.from.dispatch(back)
}

func (s *side) timedOut(_ uint64, c sent) {
	now := s.node.world.now
	c.gauge.TimedOut(now, now.Sub(c.at))
}

// lost is remote.Remote.Lost.
func (s *side) lost() {
	for {
		at, ok := s.calls.Next()
		if !ok {
			return
		}
		_, c, _ := s.calls.Expire(at)
		c.gauge.Drop()
		c.from.answer(c.attempt.Token, false, faultLost, 0)
	}
}

// serve hands a request to this member, for which it was picked.
func (m *member) serve(from origin, token uint64, body string, deadline time.Time) error {
	w := m.node.world
	if m.left {
		m.load--
		return errLeft
	}
	if m.busyUntil.After(w.now) {
		m.load--
		return errFull
	}
	id := m.served.Add(deadline, served{from, token, w.now})
	number, _ := strconv.Atoi(body)
	c := w.calls[number]
	c.runs++
	c.handedAfterLeaving = c.handedAfterLeaving || m.gone || m.cluster != c.cluster
	w.note("run", m.number, number)
	if m.manner.strays {
		m.reply(id+1000, "stray")
	}
	if m.manner.never {
		return nil
	}
	w.after(w.below(m.manner.takes+1), m.node, func() { m.reply(id, body) })
	if m.manner.twice {
		w.after(m.manner.takes+w.below(m.manner.takes+1), m.node, func() { m.reply(id, body) })
	}
	return nil
}

// reply is overlay.Member.Reply.
func (m *member) reply(id uint64, body string) {
	s, open := m.served.Take(id)
	if !open {
		return
	}
	now := m.node.world.now
	m.gauge.Observe(now, now.Sub(s.since), 0, false)
	s.origin.answer(s.token, true, body, m.load)
	m.load--
}

// overdue is overlay.Member.overdue.
func (m *member) overdue(_ uint64, s served) {
	now := m.node.world.now
	m.gauge.Observe(now, now.Sub(s.since), 0, false)
	m.load--
}

// answer is overlay.local.Answer.
func (m *member) answer(token uint64, ok bool, body string, _ int64) {
	c, open := m.asked.Take(token)
	switch {
	case !open:
	case ok:
		m.end(c, "reply", body)
	default:
		m.end(c, body, "")
	}
}

func (m *member) fail(token uint64, fault string) { m.answer(token, false, fault, 0) }

// timedOut is overlay.Member.timedOut.
func (m *member) timedOut(token uint64, c *call) {
	m.node.names.Unhold(m, token)
	m.end(c, "timed out", "")
}

// end is the handler that hears of an answer.
func (m *member) end(c *call, answer, body string) {
	w := m.node.world
	c.answers = append(c.answers, answer)
	c.answered, c.reply = w.now, body
	w.note("answer "+answer, m.number, c.number)
}

// busy has the member refuse requests for a while.
func (m *member) busy(span time.Duration) {
	w := m.node.world
	m.busyUntil = w.now.Add(span)
	w.after(span, m.node, func() {
		if !m.gone && !m.busyUntil.After(w.now) {
			m.makeRoom()
		}
	})
}

// message is an event or a broadcast.
type message struct {
	number int
	from   *member
	kind   wire.Kind
	name   string
	asked  time.Time // when its sender gave it to the node
	began  time.Time // when it was first at its turn
	sent   time.Time // when it went out; zero: it did not
}

func (m *message) key() string { return fmt.Sprint(m.from.number, " ", m.kind, " ", m.name) }

// publish is overlay.Member.StartPublish and StartBroadcast, and relay's backlog: members of this node
// have the message at once, and what has to wait for a way to other nodes keeps what comes later of
// the same sender from them.
func (m *member) publish(kind wire.Kind, name string) *message {
	w := m.node.world
	msg := &message{number: len(w.messages), from: m, kind: kind, name: name, asked: w.now}
	w.messages = append(w.messages, msg)
	m.outbox = append(m.outbox, msg)
	w.note("publish "+name, m.number, msg.number)
	m.pump()
	m.node.deliver(kind, []byte(name), strconv.AppendInt(nil, int64(msg.number), 10))
	return msg
}

// pump sends what waits, until something has to wait for knowledge or a link: for three
// seconds at most.
func (m *member) pump() {
	n := m.node
	w := n.world
	for len(m.outbox) > 0 && !m.blocked && !m.gone {
		msg := m.outbox[0]
		if msg.began.IsZero() {
			msg.began = w.now
		}
		patient := w.now.Sub(msg.began) < 3*time.Second
		place := n.names.ToSubscribers
		if msg.kind == wire.KindBroadcast {
			place = n.names.ToMembers
		}
		p := place(m, []byte(msg.name))
		if p == nil {
			m.outbox = m.outbox[1:]
			continue
		}
		if !p.Known() && patient {
			m.blocked = true
			who := &waiter{}
			who.go_ = func() {
				if m.blocked {
					m.blocked = false
					w.after(0, n, m.pump)
				}
			}
			p.AwaitKnown(who)
			w.after(3*time.Second, n, func() {
				p.StopAwaiting(who)
				who.go_()
			})
			return
		}
		route := p.Route().(*multicast.Route)
		if patient && m.lacksLink(route) {
			m.blocked = true
			w.after(5*time.Millisecond, n, func() {
				m.blocked = false
				m.pump()
			})
			return
		}
		m.outbox = m.outbox[1:]
		msg.sent = w.now
		body := strconv.Itoa(msg.number)
		if rest := m.sender.Send(route, msg.kind, []byte(msg.name), []byte(body)); rest != nil {
			rest([]byte(msg.name), []byte(body))
		}
	}
}

// lacksLink asks for links to the nodes of a route, and reports whether one is missing.
func (m *member) lacksLink(r *multicast.Route) (lacks bool) {
	n := m.node
	for _, b := range r.Tree() {
		if n.links[b.Node] == nil {
			n.world.want(n, n.world.byID[b.Node])
			lacks = true
		}
	}
	return lacks
}

func (m *member) got(kind wire.Kind, name string, body []byte) {
	w := m.node.world
	number, err := strconv.Atoi(string(body))
	if err != nil || number >= len(w.messages) {
		panic("a message came that nobody has sent")
	}
	msg := w.messages[number]
	if msg.kind != kind || msg.name != name {
		panic("a message came under another name")
	}
	m.seen[msg.key()] = append(m.seen[msg.key()], number)
	w.note("got", m.number, number)
}

// subscribe subscribes the member, and notes when all others know.
func (m *member) subscribe(topic string) {
	n := m.node
	if m.gone || n.names.Subscribe(m, topic) != nil {
		return
	}
	if _, already := m.topics[topic]; already {
		return
	}
	m.topics[topic] = time.Time{}
	n.confirm(func(all bool) {
		if _, still := m.topics[topic]; still && all {
			m.topics[topic] = n.world.now
		}
	})
}

func (m *member) unsubscribe(topic string) {
	if !m.gone {
		delete(m.topics, topic)
		m.node.names.Unsubscribe(m, topic)
	}
}

func (c *call) String() string {
	return fmt.Sprintf("request %d of member %d to %q, asked at %v for %v, answers [%s] at %v, ran %d times",
		c.number, c.from.number, c.cluster, c.asked.Sub(start), c.deadline.Sub(c.asked), strings.Join(c.answers, ", "), c.answered.Sub(start), c.runs)
}
