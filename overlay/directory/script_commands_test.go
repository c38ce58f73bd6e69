package directory

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/project-iris/iris/overlay/wire"
)

// commands are what a script can say.
var commands = map[string]func(s *script, a *arguments){
	// config everywhere=2 owners=2 lease=90s: see Config. Before nodes.
	"config": (*script).configure,
	// nodes 5: starts n0 to n4, who see each other at once.
	"nodes": func(s *script, a *arguments) { s.begin(a.number()) },

	// register n0 svc: n0 has a member of svc from now on.
	"register":   func(_ *script, a *arguments) { a.node().register(a.name()) },
	"unregister": func(_ *script, a *arguments) { a.node().unregister(a.name()) },
	"watch":      func(_ *script, a *arguments) { a.node().watch(a.name()) },
	"unwatch":    func(_ *script, a *arguments) { a.node().unwatch(a.name()) },
	// await n0: asks to be told when what n0 has registered is confirmed.
	"await": (*script).await,

	// lookup n1 svc: what n1 knows. It watches the name.
	"lookup": (*script).lookup,
	// owners svc: who owns it, in their order.
	"owners": (*script).owners,

	// run 10ms: lets time pass. settle 1m: the same, and counts the messages only.
	"run":    func(s *script, a *arguments) { s.network().run(a.span()) },
	"settle": (*script).settle,
	// delay 10ms: what a message takes from now on.
	"delay": (*script).delay,

	// kill n0: it ends without a word; start n0: it is started anew.
	"kill":  func(_ *script, a *arguments) { a.node().kill() },
	"start": func(_ *script, a *arguments) { a.node().start() },
	// pause n0 5m: it does nothing for so long, and others take it for a member.
	"pause": func(_ *script, a *arguments) { n := a.node(); n.paused = n.world.now.Add(a.span()) },

	// drop next n0->n1: the next message gets lost.
	"drop": (*script).drop,
	// connect n0 n1: there is a new link between them.
	"connect": (*script).connect,
	// split n0 | n1 n2: each side has lost the other; heal: they are one again.
	"split": (*script).split,
	"heal":  func(s *script, _ *arguments) { s.network().heal() },
	// lie n1 n4 svc n3: n1 tells n4 that svc is at n3 and nowhere else.
	"lie": (*script).lie,
}

// arguments are the words behind a command.
type arguments struct {
	script *script
	words  []string
}

func (a *arguments) next(what string) string {
	if len(a.words) == 0 {
		panic(misuse("there is no " + what))
	}
	word := a.words[0]
	a.words = a.words[1:]
	return word
}

// end insists that no word is left.
func (a *arguments) end() {
	if len(a.words) > 0 {
		panic(misuse("too much: " + strings.Join(a.words, " ")))
	}
}

func (a *arguments) number() int {
	word := a.next("number")
	n, err := strconv.Atoi(word)
	if err != nil {
		panic(misuse(word + " is no number"))
	}
	return n
}

func (a *arguments) span() time.Duration {
	word := a.next("time")
	span, err := time.ParseDuration(word)
	if err != nil {
		panic(misuse(word + " is no time"))
	}
	return span
}

func (a *arguments) node() *node { return a.script.node(a.next("node")) }

func (s *script) node(word string) *node {
	nodes := s.network().nodes
	number, named := strings.CutPrefix(word, "n")
	i, err := strconv.Atoi(number)
	if !named || err != nil || i < 0 || i >= len(nodes) {
		panic(misuse(word + " is no node"))
	}
	return nodes[i]
}

// network returns the nodes' world.
func (s *script) network() *world {
	if s.world == nil {
		panic(misuse("there are no nodes yet"))
	}
	return s.world
}

// name is that of a cluster, which what is shown calls by it.
func (a *arguments) name() Name {
	word := a.next("name")
	name := hasher.Cluster([]byte(word))
	a.script.names[name] = word
	return name
}

func (s *script) configure(a *arguments) {
	for len(a.words) > 0 {
		key, value, _ := strings.Cut(a.next("setting"), "=")
		of := &arguments{script: s, words: []string{value}}
		switch key {
		case "everywhere":
			s.config.Everywhere = of.number()
		case "owners":
			s.config.Owners = of.number()
		case "lease":
			s.config.Lease = of.span()
		default:
			panic(misuse("there is no setting " + key))
		}
	}
}

// begin starts the nodes.
func (s *script) begin(n int) {
	if s.world != nil {
		panic(misuse("there are nodes already"))
	}
	s.world = newWorld(s.t, 1, s.config)
	s.world.observer = s
	s.began = s.world.now
	s.world.join(n)
}

func (s *script) await(a *arguments) {
	n := a.node()
	s.awaits++
	n.step(AwaitConfirmation{s.awaits})
}

func (s *script) lookup(a *arguments) {
	n, name := a.node(), a.name()
	if n.dir == nil || !n.watched[name] {
		panic(misuse("the node does not watch this name"))
	}
	nodes, known := n.dir.Lookup(name)
	s.say("%s", s.whereabouts(name, nodes, known))
}

func (s *script) owners(a *arguments) {
	name := a.name()
	nodes := s.network().nodes
	i := slices.IndexFunc(nodes, func(n *node) bool { return n.dir != nil })
	if i < 0 {
		panic(misuse("no node is up"))
	}
	s.say("%s", s.list(nodes[i].dir.Owners(name)))
}

func (s *script) settle(a *arguments) {
	s.quiet = true
	s.network().run(a.span())
	s.quiet = false
	s.say("messages sent: %d", s.seen)
}

func (s *script) delay(a *arguments) {
	span := a.span()
	s.network().delay = func() time.Duration { return span }
}

func (s *script) drop(a *arguments) {
	if word := a.next("next"); word != "next" {
		panic(misuse("drop what? drop next n0->n1"))
	}
	from, to, _ := strings.Cut(a.next("direction"), "->")
	s.drops[[2]*node{s.node(from), s.node(to)}]++
}

func (s *script) connect(a *arguments) {
	one, other := a.node(), a.node()
	one.step(Connected{other.id})
	other.step(Connected{one.id})
}

func (s *script) split(a *arguments) {
	sides := strings.Split(strings.Join(a.words, " "), "|")
	a.words = nil
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
func (s *script) lie(a *arguments) {
	liar, to, name, made := a.node(), a.node(), a.name(), a.node()
	if liar.dir == nil || liar.dir.peers[to.id] == nil || liar.dir.peers[to.id].out.last == 0 {
		panic(misuse("it tells this node nothing"))
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
