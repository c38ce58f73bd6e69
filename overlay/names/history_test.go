package names

import (
	"flag"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/project-iris/iris/overlay/directory"
)

var (
	seeds     = flag.Int("seeds", 100, "how many histories TestHistories runs")
	firstSeed = flag.Uint64("seed", 1, "the seed of the first")
)

// Random histories: members come, leave, go and are busy, links are cut and made again, and
// a node drains, while requests, broadcasts and events are under way. Whatever was, each
// request has one answer by its deadline and ran once at most, each receiver got a message
// once at most and in order, and when the network is calm everybody reaches everybody. A
// history that fails is replayed by
//
//	go test ./overlay/names -run TestHistories -seeds 1 -seed N
func TestHistories(t *testing.T) {
	for i := range *seeds {
		seed := *firstSeed + uint64(i)
		if !t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) { play(t, seed) }) {
			t.Fatalf("replay with: go test ./overlay/names -run TestHistories -seeds 1 -seed %d", seed)
		}
	}
}

func play(t *testing.T, seed uint64) {
	w := newWorld(t, seed, 0)
	w = newWorld(t, seed, 1+w.random.IntN(9)) // up to 4 nodes know everything
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("history of seed %d:\n%s", seed, &w.log)
		}
	})
	for range 80 {
		w.happen()
		w.run(time.Duration(w.random.Int64N([]int64{1, 1, int64(3 * time.Millisecond), int64(100 * time.Millisecond), int64(3 * time.Second)}[w.random.IntN(5)])))
	}
	w.calm()
	w.check()
	w.everybodyReachesEverybody()
	w.whoWaitsIsServed()
	w.check()
	w.leave()
}

func (w *world) pick(names ...string) string { return names[w.random.IntN(len(names))] }

// someone returns a member that is there, or nil.
func (w *world) someone() *member {
	n := w.nodes[w.random.IntN(len(w.nodes))]
	there := slices.DeleteFunc(slices.Clone(n.members), func(m *member) bool { return m.gone })
	if len(there) == 0 {
		return nil
	}
	return there[w.random.IntN(len(there))]
}

// happen makes one thing happen.
func (w *world) happen() {
	n, m := w.nodes[w.random.IntN(len(w.nodes))], w.someone()
	action := w.random.IntN(20)
	if m == nil || action < 3 {
		if !n.draining {
			n.attach(w.pick("", "a", "a", "b"))
		}
		return
	}
	switch action {
	case 3:
		m.detach()
	case 4:
		w.note("member %d leaves", m.number)
		m.node.names.Leave(m)
		m.cluster = ""
		m.node.settle()
	case 5:
		m.setBusy(!m.busy)
	case 6, 7, 8, 9, 10:
		m.ask(w.pick("a", "a", "b", "nobody"), time.Duration(w.random.Int64N(int64(5*time.Second))))
	case 11, 12:
		m.publish(true, w.pick("a", "b", "nobody"))
	case 13, 14:
		m.publish(false, w.pick("x", "y"))
	case 15:
		m.subscribe(w.pick("x", "y", "z", "much"))
	case 16:
		m.unsubscribe(w.pick("x", "y"))
	case 17, 18:
		w.toggle(n, w.nodes[w.random.IntN(len(w.nodes))])
	case 19:
		w.note("node %d sweeps", n.number)
		n.names.Sweep()
		n.settle()
		if w.random.IntN(10) == 0 && n.number > 0 {
			n.drain()
		}
	}
}

func (n *node) attach(cluster string) *member {
	w := n.world
	w.members++
	m := &member{node: n, number: w.members, cluster: cluster, topics: make(map[string]bool), got: make(map[string][]int)}
	n.members = append(n.members, m)
	w.note("member %d of node %d attaches to %q", m.number, n.number, cluster)
	n.resume(n.names.Attach(m, cluster))
	n.names.MakeRoom(m)
	n.fill(m)
	n.settle()
	return m
}

// setBusy makes a member refuse requests, or take them again.
func (m *member) setBusy(busy bool) {
	m.busy = busy
	m.node.world.note("member %d is busy: %v", m.number, busy)
	if busy {
		return
	}
	m.node.names.MakeRoom(m)
	m.node.fill(m)
	m.node.settle()
}

// fill hands what waits for room to the members of a node, until these are full.
func (n *node) fill(m *member) {
	for {
		resumed := n.names.Fill(m)
		n.resume(resumed)
		if len(resumed.Requests) == 0 {
			return
		}
	}
}

func (m *member) detach() {
	m.node.world.note("member %d detaches", m.number)
	m.gone = true
	m.node.names.Detach(m)
	for _, c := range m.node.world.calls {
		if c.from == m && c.answer == "" {
			c.end("forgotten")
		}
	}
	m.node.settle()
}

func (m *member) subscribe(topic string) {
	err := m.node.names.Subscribe(m, topic)
	m.node.world.note("member %d subscribes to %s: %v", m.number, topic, err)
	if (err != nil) != (!m.topics[topic] && len(m.topics) == 3) {
		m.node.world.t.Errorf("member %d of %d topics subscribes: %v", m.number, len(m.topics), err)
	}
	if err == nil {
		m.topics[topic] = true
	}
	m.node.settle()
}

func (m *member) unsubscribe(topic string) {
	m.node.world.note("member %d unsubscribes from %s", m.number, topic)
	m.node.names.Unsubscribe(m, topic)
	delete(m.topics, topic)
	m.node.settle()
}

// toggle cuts the link between two nodes, or makes it anew. What was under way is lost.
func (w *world) toggle(a, b *node) {
	if a == b {
		return
	}
	cut := !w.links[[2]*node{a, b}].cut
	w.note("link between %d and %d is cut: %v", a.number, b.number, cut)
	for _, l := range []*link{w.links[[2]*node{a, b}], w.links[[2]*node{b, a}]} {
		l.cut = cut
		l.epoch++
	}
	for _, c := range w.calls {
		if cut && c.answer == "" && (c.from.node == a && c.at == b || c.from.node == b && c.at == a) {
			c.end("lost")
		}
	}
	if cut {
		return
	}
	for _, side := range [][2]*node{{a, b}, {b, a}} {
		side[0].names.Linked(side[1].id)
		side[0].feed(directory.Connected{Peer: side[1].id})
		side[0].settle()
	}
}

func (n *node) drain() {
	n.world.note("node %d drains", n.number)
	n.draining = true
	resumed := n.names.Drain()
	for _, r := range resumed.Requests {
		n.world.find(r.Owner.(*member), r.Token).end("draining")
	}
	n.resume(Resumed{Waiters: resumed.Waiters})
	for _, m := range n.members {
		n.names.Leave(m)
		m.cluster = ""
	}
	n.settle()
}

// ask sends a request.
func (m *member) ask(cluster string, timeout time.Duration) *call {
	w := m.node.world
	m.tokens++
	c := &call{from: m, token: m.tokens, cluster: cluster, deadline: w.now.Add(timeout)}
	c.attempt = Attempt{Token: c.token, Cluster: []byte(cluster), Body: []byte("body"), Deadline: c.deadline}
	w.calls = append(w.calls, c)
	w.note("member %d asks %s, within %v", m.number, cluster, timeout)
	w.after(timeout, func() {
		if c.answer == "" {
			c.end("timed out")
			m.node.names.Unhold(m, c.token)
			m.node.settle()
		}
	})
	m.node.dispatch(c)
	m.node.settle()
	return c
}

// end answers a request.
func (c *call) end(answer string) {
	if c.answer != "" {
		c.from.node.world.t.Errorf("request %d of member %d is answered with %q, then %q", c.token, c.from.number, c.answer, answer)
	}
	c.answer, c.answered = answer, c.from.node.world.now
	if c.gauge != nil {
		c.gauge.Drop()
		c.gauge = nil
	}
	c.at = nil
}

// dispatch hands a request to somebody, or holds it, as the overlay does.
func (n *node) dispatch(c *call) {
	for {
		if n.try(c) {
			return
		}
		switch n.names.HoldForRoom(n.world.now, c.from, &c.attempt) {
		case HoldsIt:
			return
		case CannotHold:
			c.end("overloaded")
			return
		}
	}
}

// try asks one after the other who can take a request. It reports whether that was done with
// it.
func (n *node) try(c *call) bool {
	for !c.attempt.Refused.Full() {
		to, verdict := n.names.Route(n.world.now, c.from, &c.attempt)
		switch {
		case verdict == Held:
			return true
		case verdict == Draining:
			c.end("draining")
			return true
		case verdict != Picked:
			return false
		case to.Member == nil:
			n.give(c, to)
			return true
		case to.Member.(*member).serve(c):
			return true
		case !to.Member.(*member).gone:
			c.attempt.Refused.AddMember()
			n.names.Refused(to)
		}
	}
	return false
}

// give sends a request to another node.
func (n *node) give(c *call, to Target) {
	to.Gauge.Begin()
	c.gauge = to.Gauge
	c.at = n.world.byID[to.Node]
	other := c.at
	waited := ""
	if c.attempt.Held != nil {
		waited = c.attempt.Held.Cluster
	}
	n.send(other, func() {
		crowded := false
		for {
			to, full := other.names.PickLocal([]byte(c.cluster), &Refusals{})
			crowded = crowded || full != nil
			if to.Member == nil {
				break
			}
			m := to.Member.(*member)
			if m.serve(c) {
				c.waited = waited
				return
			}
			if !m.gone {
				other.names.Refused(to)
			}
		}
		other.send(n, func() {
			if c.answer != "" {
				return
			}
			c.gauge.Drop()
			c.gauge, c.at = nil, nil
			c.attempt = c.attempt.Back([]byte(c.cluster), []byte("body"))
			c.attempt.Refused.Add(Target{Node: to.Node}, crowded)
			n.dispatch(c)
			n.settle()
		})
	})
}

// serve takes a request, and answers it after a while. It reports whether it did.
func (m *member) serve(c *call) bool {
	if m.gone || m.busy {
		m.load--
		return false
	}
	w := m.node.world
	if c.runs++; c.runs > 1 {
		w.t.Errorf("request %d of member %d ran %d times", c.token, c.from.number, c.runs)
	}
	w.after(time.Duration(w.random.Int64N(int64(20*time.Millisecond))), func() {
		m.load--
		answer := func() {
			if c.answer == "" {
				c.end("reply")
			}
			if c.waited != "" {
				c.from.node.resume(c.from.node.names.Answered(c.waited))
				c.from.node.settle()
			}
		}
		switch {
		case m.gone:
		case m.node == c.from.node:
			answer()
		default:
			m.node.send(c.from.node, answer)
		}
	})
	return true
}

// publish sends a numbered message to all members of a cluster, or subscribers of a topic.
func (m *member) publish(broadcast bool, name string) {
	n, w := m.node, m.node.world
	m.sent++
	number, key := m.sent, fmt.Sprint(m.number, broadcast, name)
	w.note("member %d sends %d to %s", m.number, number, name)
	deliver := func(at *node) {
		receivers := at.names.Subscribers([]byte(name))
		if broadcast {
			receivers = at.names.Members([]byte(name))
		}
		for _, r := range receivers {
			r.(*member).got[key] = append(r.(*member).got[key], number)
		}
	}
	spread := func(p *Place) {
		for _, id := range p.Route().(*route).nodes {
			to := w.byID[id]
			n.send(to, func() { deliver(to) })
		}
	}
	place := n.names.ToSubscribers([]byte(name))
	if broadcast {
		place = n.names.ToMembers([]byte(name))
	}
	switch {
	case place.Known():
		spread(place)
	default:
		// The sender waits, and with it all that it sends: here only this message does.
		place.AwaitKnown(func() { spread(place) })
		m.sent += 1000 // what comes late may be overtaken by it
		number = m.sent
		key = fmt.Sprint(key, number)
	}
	deliver(n)
	n.settle()
}

// calm makes all links, and lets all be answered.
func (w *world) calm() {
	w.note("calm")
	for i, a := range w.nodes {
		for _, b := range w.nodes[:i] {
			if w.links[[2]*node{a, b}].cut {
				w.toggle(a, b)
			}
		}
		for _, m := range a.members {
			m.setBusy(false)
		}
	}
	w.run(20 * time.Second)
}

// check holds what happened against what is promised.
func (w *world) check() {
	for _, c := range w.calls {
		switch {
		case c.answer == "":
			w.t.Errorf("request %d of member %d has no answer", c.token, c.from.number)
		case c.answered.After(c.deadline):
			w.t.Errorf("request %d of member %d is answered %v after its deadline", c.token, c.from.number, c.answered.Sub(c.deadline))
		case c.answer == "reply" && c.runs != 1:
			w.t.Errorf("request %d of member %d has a reply and ran %d times", c.token, c.from.number, c.runs)
		case (c.answer == "draining" || c.answer == "overloaded") && c.runs > 0:
			w.t.Errorf("request %d of member %d is answered with %q and ran", c.token, c.from.number, c.answer)
		}
	}
	for _, n := range w.nodes {
		for _, m := range n.members {
			for key, got := range m.got {
				if !slices.IsSorted(got) || len(slices.Compact(slices.Clone(got))) != len(got) {
					w.t.Errorf("member %d got of %s: %v", m.number, key, got)
				}
			}
		}
		if s := n.names.Stats(); s.Held != 0 || s.UnderWay != 0 {
			w.t.Errorf("node %d still has %+v", n.number, s)
		}
	}
}

// everybodyReachesEverybody sends from each node to each name, in a calm network.
func (w *world) everybodyReachesEverybody() {
	serving := make(map[string][]*member) // by cluster, or topic after a dash
	for _, n := range w.nodes {
		for _, m := range n.members {
			if !m.gone && m.cluster != "" {
				serving[m.cluster] = append(serving[m.cluster], m)
			}
			for topic := range m.topics {
				if !m.gone {
					serving["-"+topic] = append(serving["-"+topic], m)
				}
			}
		}
	}
	for _, n := range w.nodes {
		if n.draining {
			continue
		}
		sender := n.attach("")
		w.run(time.Second)
		for _, name := range []string{"a", "b", "-x", "-y", "-z"} {
			topic := name[0] == '-'
			if topic {
				sender.publish(false, name[1:])
			} else {
				sender.publish(true, name)
			}
			w.run(time.Second)
			for _, m := range serving[name] {
				total := 0
				for key, got := range m.got {
					if key == fmt.Sprint(sender.number, !topic, name[1:]) || key == fmt.Sprint(sender.number, !topic, name) || len(got) > 0 && got[len(got)-1] == sender.sent {
						total += len(got)
					}
				}
				if total == 0 {
					w.t.Errorf("member %d did not get what node %d sent to %s", m.number, n.number, name)
				}
			}
			if topic {
				continue
			}
			c := sender.ask(name, 2*time.Second)
			w.run(5 * time.Second)
			if want := map[bool]string{true: "reply", false: "timed out"}[len(serving[name]) > 0]; c.answer != want {
				w.t.Errorf("a request of node %d to %s has the answer %q, want %q", n.number, name, c.answer, want)
			}
		}
	}
}

// whoWaitsIsServed lets requests, and who is no request, wait for members that come, here
// or elsewhere, and for a link.
func (w *world) whoWaitsIsServed() {
	up := slices.DeleteFunc(slices.Clone(w.nodes), func(n *node) bool { return n.draining })
	for i, n := range up {
		other := up[w.random.IntN(len(up))]
		late := fmt.Sprint("late ", i)
		woken := false
		n.names.Wait(w.now, []byte(late), func() { woken = true })
		n.settle()
		sender := n.attach("")
		c := sender.ask(late, 3*time.Second)
		w.run(time.Duration(w.random.Int64N(int64(time.Second))))
		other.attach(late)
		w.run(100 * time.Millisecond)
		if c.answer != "reply" || !woken {
			w.t.Errorf("node %d waits for a member of node %d: answer %q, woken %v", n.number, other.number, c.answer, woken)
		}
		if n == other {
			continue
		}
		w.toggle(n, other)
		c = sender.ask(late, 9*time.Second)
		w.run(time.Second)
		w.toggle(n, other)
		w.run(100 * time.Millisecond)
		if c.answer != "reply" {
			w.t.Errorf("node %d waits for a link to node %d: answer %q", n.number, other.number, c.answer)
		}
	}
}

// leave lets all members go, after which nothing is left of them.
func (w *world) leave() {
	for _, n := range w.nodes {
		for _, m := range n.members {
			if !m.gone {
				m.detach()
			}
		}
		n.names.Sweep()
		n.names.Sweep()
		n.settle()
		if s := n.names.Stats(); s != (Stats{PlacesFull: s.PlacesFull}) {
			w.t.Errorf("node %d keeps %+v", n.number, s)
		}
	}
}
