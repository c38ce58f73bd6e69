package directory

import (
	"fmt"
	"slices"
	"strings"

	"github.com/project-iris/iris/overlay/wire"
	"github.com/project-iris/iris/transport"
)

// stepped shows what a node refuses and forgets, and what it tells those who use it.
func (s *script) stepped(n *node, before Stats, actions []Action) {
	for why, refused := range n.dir.stats.Refused {
		for range refused - before.Refused[why] {
			s.log.Happens("%s refuses: %v", s.who(n.id), Reason(why))
		}
	}
	for range n.dir.stats.Expired - before.Expired {
		s.log.Happens("%s ends a lease", s.who(n.id))
	}
	for _, a := range actions {
		switch a := a.(type) {
		case Changed:
			s.log.Happens("%s learns: %s", s.who(n.id), s.whereabouts(a.Name, a.Nodes, a.Known))
		case Confirmed:
			s.log.Happens("%s is confirmed: await %d", s.who(n.id), a.Token)
		}
	}
}

// sends shows a message, and loses it if it is one to be dropped.
func (s *script) sends(from, to *node, m wire.Message) (lost bool) {
	way := [2]*node{from, to}
	fate := ""
	if lost = s.drops[way] > 0; lost {
		s.drops[way]--
		fate = "; lost"
	}
	s.sent++
	s.log.Happens("%s -> %s: %s%s", s.who(from.id), s.who(to.id), s.words(m), fate)
	return lost
}

func (s *script) misses(from, to *node, m wire.Message) {
	s.log.Happens("%s -> %s: %s; does not arrive", s.who(from.id), s.who(to.id), s.words(m))
}

// who returns what a node is called.
func (s *script) who(id transport.PeerID) string { return fmt.Sprint("n", s.number(id)) }

func (s *script) number(id transport.PeerID) int {
	return slices.IndexFunc(s.world.nodes, func(n *node) bool { return n.id == id })
}

// life returns which life of a node an epoch is, as a world counts them, for all but the
// first.
func life(epoch uint64) string {
	if n := epoch - uint64(start.UnixNano()) + 1; n > 1 {
		return fmt.Sprintf(" in life %d", n)
	}
	return ""
}

func (s *script) name(n Name) string {
	if word, found := s.names[n]; found {
		return word
	}
	return "a name"
}

func (s *script) list(ids []transport.PeerID) string {
	words := make([]string, len(ids))
	for i, id := range ids {
		words[i] = s.who(id)
	}
	return strings.Join(words, " ")
}

// whereabouts returns what is known of a name, with the nodes by their numbers.
func (s *script) whereabouts(name Name, nodes []transport.PeerID, known bool) string {
	nodes = slices.SortedFunc(slices.Values(nodes), func(a, b transport.PeerID) int { return s.number(a) - s.number(b) })
	where := s.list(nodes)
	switch {
	case len(nodes) == 0 && !known:
		return s.name(name) + " is not known yet"
	case len(nodes) == 0:
		where = "nobody"
	case !known:
		where += ", and there may be more"
	}
	return s.name(name) + " is at " + where
}

// words returns what a message says.
func (s *script) words(m wire.Message) string {
	switch m := m.(type) {
	case *wire.Update:
		return s.update(m)
	case *wire.Digest:
		said := fmt.Sprint("digest ", m.Sequence, life(m.Epoch))
		if m.Ask {
			said += ", asks"
		}
		return said
	case *wire.Ack:
		return s.ack(m)
	}
	return fmt.Sprintf("%T", m)
}

func (s *script) ack(m *wire.Ack) string {
	said := fmt.Sprint("ack ", m.Have, life(m.Epoch))
	if m.Seen != m.Have {
		said += fmt.Sprint(" of ", m.Seen)
	}
	if m.Unconfirmed != 0 {
		said += fmt.Sprint(", not confirmed from ", m.Unconfirmed, " on")
	}
	return said
}

func (s *script) update(m *wire.Update) string {
	head := fmt.Sprint("update ", m.Sequence, life(m.Epoch))
	if m.Previous != 0 {
		head += fmt.Sprint(" after ", m.Previous)
	}
	if m.Reset {
		head += " reset"
	}
	if m.Complete {
		head += " complete"
	}
	parts := []string{head}
	parts = s.sentence(parts, "registers", m.Registered)
	parts = s.sentence(parts, "unregisters", m.Unregistered)
	parts = s.sentence(parts, "watches", m.Watched)
	parts = s.sentence(parts, "unwatches", m.Unwatched)
	for i := range m.Answers {
		parts = append(parts, s.answer(&m.Answers[i]))
	}
	return strings.Join(parts, "; ")
}

// sentence adds a sentence about names, if there are any.
func (s *script) sentence(parts []string, verb string, names []Name) []string {
	if len(names) == 0 {
		return parts
	}
	words := []string{verb}
	for _, name := range names {
		words = append(words, s.name(name))
	}
	return append(parts, strings.Join(words, " "))
}

// answer returns what an owner says about a name: all of it, or what has changed.
func (s *script) answer(a *wire.Answer) string {
	words := []string{s.name(a.Name) + ":"}
	if a.Anew {
		words = append(words, "anew")
	}
	for _, r := range a.Added {
		words = append(words, "+"+s.who(r.Node)+life(r.Epoch))
	}
	for _, id := range a.Removed {
		words = append(words, "-"+s.who(id))
	}
	said := strings.Join(words, " ")
	if a.Current {
		said += ", that is all"
	}
	return said
}
