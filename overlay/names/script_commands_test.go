package names

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/project-iris/iris/overlay/scripttest"
)

// words are those behind a command.
type words = scripttest.Words

// commands are what a script can say.
var commands = map[string]func(s *script, w *words){
	// nodes 3: starts n0 to n2, with a link between each two.
	"nodes": func(s *script, w *words) { s.begin(w.Number()) },

	// attach n0 worker echo: n0 has a member, which is called worker and serves the cluster
	// echo; without a cluster it serves none. leave worker: takes it out of the cluster.
	// detach worker: it is gone.
	"attach": (*script).attach,
	"leave":  func(s *script, w *words) { s.member(w).leave() },
	"detach": func(s *script, w *words) { s.member(w).detach() },
	// drain n0: n0 is being stopped.
	"drain": func(s *script, w *words) { s.node(w).drain() },

	// full worker: it refuses requests from now on; room worker: it takes them again; room
	// worker 2: it takes two, and is full then.
	"full": func(s *script, w *words) { s.member(w).setBusy(true) },
	"room": (*script).room,
	// takes worker 10ms: so long it needs for an answer from now on.
	"takes": (*script).takes,

	// hasty client: its requests from now on are impatient.
	"hasty": func(s *script, w *words) { s.member(w).hasty = true },
	// request client echo 5s: asks the cluster echo, and waits for so long.
	"request": func(s *script, w *words) { s.member(w).ask(w.Next("cluster"), w.Span()) },
	// tunnel client echo: opens a tunnel, or waits for a member of the cluster.
	"tunnel": func(s *script, w *words) { s.member(w).tunnel(w.Next("cluster")) },
	// load client echo every=5ms for=1s: asks again and again, lets a second pass in which all
	// are answered, and says only which share of them each member took.
	"load": (*script).load,

	"subscribe":   func(s *script, w *words) { s.member(w).subscribe(w.Next("topic")) },
	"unsubscribe": func(s *script, w *words) { s.member(w).unsubscribe(w.Next("topic")) },
	// publish client news and broadcast client echo: sends a message.
	"publish":   func(s *script, w *words) { s.member(w).publish(false, w.Next("topic")) },
	"broadcast": func(s *script, w *words) { s.member(w).publish(true, w.Next("cluster")) },

	// cut n0 n1: the link between them is lost; link n0 n1: there is a new one.
	"cut":  func(s *script, w *words) { s.toggle(w, false) },
	"link": func(s *script, w *words) { s.toggle(w, true) },
	// run 10ms: lets time pass.
	"run": func(s *script, w *words) { s.network().run(w.Span()) },

	// held n0 echo: what waits at n0 for members of echo, or for room.
	"held": (*script).held,
	// costs n0 echo: what n0 thinks that one more request would cost, at each other node: the
	// time that it takes to answer, for as many as are under way there and this one.
	"costs": (*script).costs,
}

// begin starts the nodes.
func (s *script) begin(n int) {
	switch {
	case s.world != nil:
		panic(scripttest.Misuse("there are nodes already"))
	case n > everywhere:
		panic(scripttest.Misuse(fmt.Sprintf("there are %d nodes at most, which all know where all is", everywhere)))
	}
	s.world = newWorld(s.t, 1, n)
	s.world.delay = func() time.Duration { return time.Millisecond }
	s.world.takes = s.world.delay
	s.world.told = s.log.Happens
}

// network returns the nodes' world.
func (s *script) network() *world {
	if s.world == nil {
		panic(scripttest.Misuse("there are no nodes yet"))
	}
	return s.world
}

// node takes the name of a node.
func (s *script) node(w *words) *node {
	nodes, word := s.network().nodes, w.Next("node")
	number, named := strings.CutPrefix(word, "n")
	i, err := strconv.Atoi(number)
	if !named || err != nil || i < 0 || i >= len(nodes) {
		panic(scripttest.Misuse(word + " is no node"))
	}
	return nodes[i]
}

// find returns the member that is called so, nil if there is none.
func (s *script) find(name string) *member {
	for _, n := range s.network().nodes {
		for _, m := range n.members {
			if m.name == name && !m.gone {
				return m
			}
		}
	}
	return nil
}

// member takes the name of a member.
func (s *script) member(w *words) *member {
	name := w.Next("member")
	m := s.find(name)
	if m == nil {
		panic(scripttest.Misuse("there is no member " + name))
	}
	return m
}

func (s *script) attach(w *words) {
	n, name, cluster := s.node(w), w.Next("member"), ""
	if w.More() {
		cluster = w.Next("cluster")
	}
	if s.find(name) != nil {
		panic(scripttest.Misuse("there is a member " + name + " already"))
	}
	n.attachAs(name, cluster)
}

func (s *script) room(w *words) {
	m := s.member(w)
	m.spare = 0
	if w.More() {
		m.spare = w.Number()
	}
	m.setBusy(false)
}

func (s *script) takes(w *words) {
	m, span := s.member(w), w.Span()
	m.takes = func() time.Duration { return span }
}

// toggle cuts the link between two nodes, or makes it anew.
func (s *script) toggle(w *words, up bool) {
	a, b := s.node(w), s.node(w)
	if a == b {
		panic(scripttest.Misuse(fmt.Sprintf("%v has no link to %v", a, b)))
	}
	switch cut := s.world.links[[2]*node{a, b}].cut; {
	case up && !cut:
		panic(scripttest.Misuse("the link is up"))
	case !up && cut:
		panic(scripttest.Misuse("the link is cut"))
	}
	s.world.toggle(a, b)
}

func (s *script) load(w *words) {
	client, cluster := s.member(w), w.Next("cluster")
	var every, span time.Duration
	for w.More() {
		switch key, value := w.Setting(); key {
		case "every":
			every = value.Span()
		case "for":
			span = value.Span()
		default:
			panic(scripttest.Misuse("there is no setting " + key))
		}
	}
	if every <= 0 || span <= 0 {
		panic(scripttest.Misuse("load needs every and for"))
	}
	before, asked := s.served(cluster), len(s.world.calls)
	s.log.Quietly(func() {
		for end := s.world.now.Add(span); s.world.now.Before(end); s.world.run(every) {
			client.ask(cluster, time.Second)
		}
		s.world.run(time.Second)
	})
	for i, m := range s.served(cluster) {
		share := float64(m.requests-before[i].requests) / float64(len(s.world.calls)-asked)
		s.log.Say("%v took %.0f %%", m.member, 100*share)
	}
}

// served is how many requests a member has taken.
type served struct {
	member   *member
	requests int
}

// served counts for the members of a cluster.
func (s *script) served(cluster string) (all []served) {
	for _, n := range s.world.nodes {
		for _, m := range n.members {
			if m.cluster == cluster && !m.gone {
				all = append(all, served{m, m.served})
			}
		}
	}
	return all
}

func (s *script) held(w *words) {
	n, cluster := s.node(w), w.Next("cluster")
	c := n.names.clusters[cluster]
	if c == nil || c.idle() {
		s.log.Say("nothing waits")
		return
	}
	waiting := make([]string, 0, c.held.Len())
	for e := c.held.Front(); e != nil; e = e.Next() {
		r := e.Value.(*Request)
		waiting = append(waiting, s.world.find(r.Owner.(*member), r.Token).String())
	}
	reason := "a member"
	if c.crowded {
		reason = "room"
	}
	if tunnels := len(c.waiting); tunnels > 0 {
		waiting = append(waiting, fmt.Sprintf("tunnels: %d", tunnels))
	}
	s.log.Say("waiting for %s: %s", reason, strings.Join(waiting, ", "))
	if _, again := n.names.retries[c]; again {
		s.log.Say("tried again in %v", c.retry.due.Sub(s.world.now))
	}
}

func (s *script) costs(w *words) {
	n, cluster := s.node(w), w.Next("cluster")
	c := n.names.clusters[cluster]
	if c == nil || c.place == nil {
		panic(scripttest.Misuse(fmt.Sprintf("%v does not look up %s", n, cluster)))
	}
	for _, other := range s.world.nodes {
		if slices.Contains(c.place.nodes, other.id) {
			cost := time.Duration(c.place.gauge(other.id).Cost(s.world.now) * float64(time.Second))
			s.log.Say("%v: %v, under way %d", other, cost.Round(100*time.Microsecond), c.place.gauge(other.id).UnderWay())
		}
	}
}
