package directory

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/project-iris/iris/overlay/scripttest"
	"github.com/project-iris/iris/overlay/wire"
)

// commands are what a script can say.
var commands = map[string]func(s *script, w *scripttest.Words){
	// config everywhere=2 owners=2 lease=90s: see Config. Before nodes.
	"config": (*script).configure,
	// nodes 5: starts n0 to n4, who see each other at once.
	"nodes": func(s *script, w *scripttest.Words) { s.begin(w.Number()) },

	// register n0 svc: n0 has a member of svc from now on.
	"register":   func(s *script, w *scripttest.Words) { s.nextNode(w).register(s.nextName(w)) },
	"unregister": func(s *script, w *scripttest.Words) { s.nextNode(w).unregister(s.nextName(w)) },
	"watch":      func(s *script, w *scripttest.Words) { s.nextNode(w).watch(s.nextName(w)) },
	"unwatch":    func(s *script, w *scripttest.Words) { s.nextNode(w).unwatch(s.nextName(w)) },
	// await n0: asks to be told when what n0 has registered is confirmed.
	"await": (*script).await,

	// lookup n1 svc: what n1 knows. It watches the name.
	"lookup": (*script).lookup,
	// owners svc: who owns it, in their order.
	"owners": (*script).owners,

	// run 10ms: lets time pass. settle 1m: the same, and counts the messages only.
	"run":    func(s *script, w *scripttest.Words) { s.network().run(w.Span()) },
	"settle": (*script).settle,
	// delay 10ms: what a message takes from now on.
	"delay": (*script).delay,

	// kill n0: it ends without a word; start n0: it is started anew.
	"kill":  func(s *script, w *scripttest.Words) { s.nextNode(w).kill() },
	"start": func(s *script, w *scripttest.Words) { s.nextNode(w).start() },
	// pause n0 5m: it does nothing for so long, and others take it for a member.
	"pause": func(s *script, w *scripttest.Words) { n := s.nextNode(w); n.paused = n.world.now.Add(w.Span()) },

	// drop next n0->n1: the next message gets lost.
	"drop": (*script).drop,
	// connect n0 n1: there is a new link between them.
	"connect": (*script).connect,
	// split n0 | n1 n2: each side has lost the other; heal: they are one again.
	"split": (*script).split,
	"heal":  func(s *script, _ *scripttest.Words) { s.network().heal() },
	// lie n1 n4 svc n3: n1 tells n4 that svc is at n3 and nowhere else.
	"lie": (*script).lie,
}

// nextNode takes the name of a node.
func (s *script) nextNode(w *scripttest.Words) *node { return s.node(w.Next("node")) }

func (s *script) node(word string) *node {
	nodes := s.network().nodes
	number, named := strings.CutPrefix(word, "n")
	i, err := strconv.Atoi(number)
	if !named || err != nil || i < 0 || i >= len(nodes) {
		panic(scripttest.Misuse(word + " is no node"))
	}
	return nodes[i]
}

// network returns the nodes' world.
func (s *script) network() *world {
	if s.world == nil {
		panic(scripttest.Misuse("there are no nodes yet"))
	}
	return s.world
}

// nextName takes the name of a cluster, which what is shown calls by it.
func (s *script) nextName(w *scripttest.Words) Name {
	word := w.Next("name")
	name := hasher.Cluster([]byte(word))
	s.names[name] = word
	return name
}

func (s *script) configure(w *scripttest.Words) {
	for w.More() {
		switch key, value := w.Setting(); key {
		case "everywhere":
			s.config.Everywhere = value.Number()
		case "owners":
			s.config.Owners = value.Number()
		case "lease":
			s.config.Lease = value.Span()
		default:
			panic(scripttest.Misuse("there is no setting " + key))
		}
	}
}

// begin starts the nodes.
func (s *script) begin(n int) {
	if s.world != nil {
		panic(scripttest.Misuse("there are nodes already"))
	}
	s.world = newWorld(s.t, 1, s.config)
	s.world.observer = s
	s.world.join(n)
}

func (s *script) await(w *scripttest.Words) {
	n := s.nextNode(w)
	s.awaits++
	n.step(AwaitConfirmation{s.awaits})
}

func (s *script) lookup(w *scripttest.Words) {
	n, name := s.nextNode(w), s.nextName(w)
	if n.dir == nil || !n.watched[name] {
		panic(scripttest.Misuse("the node does not watch this name"))
	}
	nodes, known := n.dir.Lookup(name)
	s.log.Say("%s", s.whereabouts(name, nodes, known))
}

func (s *script) owners(w *scripttest.Words) {
	name := s.nextName(w)
	nodes := s.network().nodes
	i := slices.IndexFunc(nodes, func(n *node) bool { return n.dir != nil })
	if i < 0 {
		panic(scripttest.Misuse("no node is up"))
	}
	s.log.Say("%s", s.list(nodes[i].dir.Owners(name)))
}

func (s *script) settle(w *scripttest.Words) {
	span, before := w.Span(), s.sent
	s.log.Quietly(func() { s.network().run(span) })
	s.log.Say("messages sent: %d", s.sent-before)
}

func (s *script) delay(w *scripttest.Words) {
	span := w.Span()
	s.network().delay = func() time.Duration { return span }
}

func (s *script) drop(w *scripttest.Words) {
	if word := w.Next("next"); word != "next" {
		panic(scripttest.Misuse("drop what? drop next n0->n1"))
	}
	from, to, _ := strings.Cut(w.Next("direction"), "->")
	s.drops[[2]*node{s.node(from), s.node(to)}]++
}

func (s *script) connect(w *scripttest.Words) {
	one, other := s.nextNode(w), s.nextNode(w)
	one.step(Connected{other.id})
	other.step(Connected{one.id})
}

func (s *script) split(w *scripttest.Words) {
	sides := strings.Split(strings.Join(w.Rest(), " "), "|")
	for i, side := range sides {
		var nodes []*node
		for word := range strings.FieldsSeq(side) {
			nodes = append(nodes, s.node(word))
		}
		s.network().split(i, nodes...)
	}
}

// lie makes an owner tell a node that a name is at another one and nowhere else, as the
// next update of its stream, so that only what it says is wrong.
func (s *script) lie(w *scripttest.Words) {
	liar, to, name, made := s.nextNode(w), s.nextNode(w), s.nextName(w), s.nextNode(w)
	if liar.dir == nil || liar.dir.peers[to.id] == nil || liar.dir.peers[to.id].out.last == 0 {
		panic(scripttest.Misuse("it tells this node nothing"))
	}
	liar.dir.sequence++
	out := &liar.dir.peers[to.id].out
	lie := &wire.Update{Epoch: liar.epoch, Previous: out.last, Sequence: liar.dir.sequence}
	out.last = lie.Sequence
	lie.Answers = []wire.Answer{{
		Name: name, Anew: true, Current: true,
		Added: []wire.Registrant{{Node: made.id, Epoch: made.epoch}},
	}}
	liar.send(Send{to.id, lie})
}
