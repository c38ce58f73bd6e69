package names

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/project-iris/iris/overlay/balance"
	"github.com/project-iris/iris/overlay/directory"
	"github.com/project-iris/iris/transport"
)

// member is a member of a node.
type member struct {
	node    *node
	name    string
	number  int
	cluster string
	gone    bool
	hasty   bool                 // its requests are impatient
	busy    bool                 // it refuses what it is given
	spare   int                  // requests until it is busy; 0: it stays as it is
	takes   func() time.Duration // to answer a request
	room    Room
	load    int64
	gauge   balance.Gauge
	topics  map[string]bool
	tokens  uint64
	sent    int              // messages
	served  int              // requests that it took
	got     map[string][]int // numbers of messages, by sender and name
}

func (m *member) String() string { return m.name }
func (m *member) Room() *Room    { return &m.room }
func (m *member) Open(token uint64) bool {
	c := m.node.world.find(m, token)
	return c != nil && c.answer == ""
}
func (m *member) Load() int64                { return m.load }
func (m *member) Take()                      { m.load++ }
func (m *member) Cost(now time.Time) float64 { return m.gauge.CostWith(now, m.load) }

// attach adds a member with a name that says its number.
func (n *node) attach(cluster string) *member {
	return n.attachAs(fmt.Sprint("member ", n.world.members+1), cluster)
}

func (n *node) attachAs(name, cluster string) *member {
	w := n.world
	w.members++
	m := &member{
		node: n, name: name, number: w.members, cluster: cluster, takes: w.takes,
		topics: make(map[string]bool), got: make(map[string][]int),
	}
	n.members = append(n.members, m)
	w.spell(cluster)
	w.note("%v of %v attaches to %q", m, n, cluster)
	resumed, err := n.names.Attach(m, cluster)
	if err != nil {
		w.t.Fatal(err)
	}
	n.resume(resumed)
	n.names.MakeRoom(m)
	n.fill(m)
	n.settle()
	return m
}

// setBusy makes a member refuse requests, or take them again.
func (m *member) setBusy(busy bool) {
	m.busy = busy
	m.node.world.note("%v is busy: %v", m, busy)
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

func (m *member) leave() {
	m.node.world.note("%v leaves", m)
	m.node.resume(m.node.names.Leave(m))
	m.cluster = ""
	m.node.settle()
}

func (m *member) detach() {
	m.node.world.note("%v detaches", m)
	m.gone = true
	resumed := m.node.names.Detach(m)
	for _, c := range m.node.world.calls {
		if c.from == m && c.answer == "" {
			c.end("forgotten")
		}
	}
	m.node.resume(resumed)
	m.node.settle()
}

func (m *member) subscribe(topic string) {
	err := m.node.names.Subscribe(m, topic)
	m.node.world.spell(topic)
	m.node.world.note("%v subscribes to %s: %v", m, topic, err)
	if (err != nil) != (!m.topics[topic] && len(m.topics) == 3) {
		m.node.world.t.Errorf("%v, of %d topics, subscribes: %v", m, len(m.topics), err)
	}
	if err == nil {
		m.topics[topic] = true
	}
	m.node.settle()
}

func (m *member) unsubscribe(topic string) {
	m.node.world.note("%v unsubscribes from %s", m, topic)
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
	w.note("link between %v and %v is cut: %v", a, b, cut)
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
	n.world.note("%v drains", n)
	n.draining = true
	resumed := n.names.Drain()
	for _, r := range resumed.Requests {
		n.world.find(r.Owner.(*member), r.Token).end("draining")
	}
	n.resume(Resumed{Waiters: resumed.Waiters})
	for _, m := range n.members {
		n.resume(n.names.Leave(m))
		m.cluster = ""
	}
	n.settle()
}

// message is a broadcast or an event on its way.
type message struct {
	from      *member
	broadcast bool
	name      string
	number    int    // among those of its sender
	key       string // of those that it has an order with
}

func (m *message) String() string { return fmt.Sprintf("message %d of %v", m.number, m.from) }

// publish sends a numbered message to all members of a cluster, or subscribers of a topic.
func (m *member) publish(broadcast bool, name string) *message {
	n, w := m.node, m.node.world
	m.sent++
	sent := &message{m, broadcast, name, m.sent, fmt.Sprint(m.number, broadcast, name)}
	w.spell(name)
	w.note("%v sends %v to %s", m, sent, name)
	place := n.names.ToSubscribers(m, []byte(name))
	if broadcast {
		place = n.names.ToMembers(m, []byte(name))
	}
	switch {
	case place.Known():
		n.spread(place, sent)
	default:
		// The sender waits, and with it all that it sends: here only this message does, and
		// what comes late may be overtaken by it.
		sent.key = fmt.Sprint(sent.key, sent.number)
		w.happens("%v waits until it is known where %s is", sent, name)
		place.AwaitKnown(func() { n.spread(place, sent) })
	}
	n.deliver(sent)
	n.settle()
	return sent
}

// spread sends a message to the nodes of a place.
func (n *node) spread(p *Place, sent *message) {
	nodes := slices.Clone(p.Route().(*route).nodes)
	n.world.happens("%v goes to %s", sent, n.world.list(nodes))
	for _, id := range nodes {
		to := n.world.byID[id]
		n.send(to, func() { to.deliver(sent) })
	}
}

// deliver gives a message to those whom it is for at a node.
func (n *node) deliver(sent *message) {
	receivers := n.names.DeliverEvent([]byte(sent.name))
	if sent.broadcast {
		receivers = n.names.Members([]byte(sent.name))
	}
	for _, r := range receivers {
		m := r.(*member)
		m.got[sent.key] = append(m.got[sent.key], sent.number)
		n.world.happens("%v reaches %v", sent, m)
	}
}

// list names nodes, in their order.
func (w *world) list(ids []transport.PeerID) string {
	if len(ids) == 0 {
		return "no other node"
	}
	var words []string
	for _, n := range w.nodes {
		if slices.Contains(ids, n.id) {
			words = append(words, n.String())
		}
	}
	return strings.Join(words, " ")
}
