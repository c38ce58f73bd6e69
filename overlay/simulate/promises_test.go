package simulate

import (
	"fmt"
	"slices"
	"time"

	"github.com/project-iris/iris/overlay/names"
	"github.com/project-iris/iris/overlay/wire"
)

// promise is what docs/semantics.md promises, as a function that says what broke it.
type promise struct {
	name string
	kept func(w *world, last *farewells) (broken []string)
}

var promises = []promise{
	{"a request runs on at most one member", aRequestRunsOnAtMostOneMember},
	{"exactly one answer", exactlyOneAnswer},
	{"no answer after the deadline", noAnswerAfterTheDeadline},
	{"the answer says what happened", theAnswerSaysWhatHappened},
	{"only members of the cluster are asked", onlyMembersOfTheClusterAreAsked},
	{"a request waits for a member", aRequestWaitsForAMember},
	{"who does not want to wait is told", whoDoesNotWantToWaitIsTold},
	{"a message comes at most once", aMessageComesAtMostOnce},
	{"messages of a sender come in order", messagesOfASenderComeInOrder},
	{"nothing is lost in good order", nothingIsLostInGoodOrder},
	{"who is confirmed is reached", whoIsConfirmedIsReached},
	{"all reach all when it is over", allReachAllWhenItIsOver},
}

// check holds a history against all promises.
func (w *world) check(last *farewells) (broken []string) {
	for _, p := range promises {
		for _, why := range p.kept(w, last) {
			broken = append(broken, p.name+": "+why)
		}
	}
	return broken
}

// each returns what a function says of the requests that it has something to say about.
func (w *world) each(says func(c *call) string) (broken []string) {
	for _, c := range w.calls {
		if why := says(c); why != "" {
			broken = append(broken, fmt.Sprintf("%v: %s", c, why))
		}
	}
	return broken
}

func aRequestRunsOnAtMostOneMember(w *world, _ *farewells) []string {
	return w.each(func(c *call) string {
		if c.runs > 1 {
			return "it ran more than once"
		}
		return ""
	})
}

func exactlyOneAnswer(w *world, _ *farewells) []string {
	return w.each(func(c *call) string {
		switch {
		case len(c.answers) > 1:
			return "it has more than one answer"
		case len(c.answers) == 0 && !c.from.gone:
			return "it has no answer"
		}
		return ""
	})
}

// A node that pauses answers when it goes on.
func noAnswerAfterTheDeadline(w *world, _ *farewells) []string {
	return w.each(func(c *call) string {
		latest := c.deadline
		for _, pause := range c.from.node.pauses {
			if !pause[0].After(latest) && pause[1].After(latest) {
				latest = pause[1]
			}
		}
		if len(c.answers) > 0 && c.answered.After(latest.Add(time.Nanosecond)) {
			return "it was answered late"
		}
		return ""
	})
}

func theAnswerSaysWhatHappened(w *world, _ *farewells) []string {
	return w.each(func(c *call) string {
		if len(c.answers) == 0 {
			return ""
		}
		switch answer := c.answers[0]; {
		case answer == "reply" && c.reply != fmt.Sprint(c.number):
			return fmt.Sprintf("the reply is that of another: %q", c.reply)
		case answer == "reply" && c.runs != 1:
			return "it has a reply and did not run"
		case (answer == faultDraining || answer == faultOverloaded || answer == "nobody") && c.runs > 0:
			return "it says that it did not run"
		case answer == "timed out" && c.answered.Before(c.deadline):
			return "it was given up before its deadline"
		case answer == faultDraining && !c.from.drained:
			return "its node is not being stopped"
		}
		return ""
	})
}

func onlyMembersOfTheClusterAreAsked(w *world, _ *farewells) []string {
	return w.each(func(c *call) string {
		if c.handedAfterLeaving {
			return "a member had it that is not in the cluster"
		}
		return ""
	})
}

// serves reports whether a member serves a cluster in all of a time.
func (m *member) serves(cluster string, from, to time.Time) bool {
	return m.cluster == cluster && !m.since.IsZero() && m.since.Before(from) && (!m.left || m.leftAt.After(to)) && !m.crashed
}

// In good order a request has a reply if somebody serves its cluster in its last two seconds.
func aRequestWaitsForAMember(w *world, _ *farewells) []string {
	if !w.plan.good {
		return nil
	}
	return w.each(func(c *call) string {
		from := c.deadline.Add(-2 * time.Second)
		if c.from.gone || c.from.drained || c.hasty || from.Before(c.asked) || len(c.answers) == 0 || c.answers[0] == "reply" || c.answers[0] == faultOverloaded {
			return ""
		}
		for _, m := range w.members {
			if m.serves(c.cluster, from, c.deadline) {
				return fmt.Sprintf("member %d would have answered", m.number)
			}
		}
		return ""
	})
}

func whoDoesNotWantToWaitIsTold(w *world, _ *farewells) []string {
	return w.each(func(c *call) string {
		switch told := len(c.answers) > 0 && c.answers[0] == "nobody"; {
		case told && !c.hasty:
			return "it was ready to wait"
		case told && w.plan.good && c.asked.Sub(c.from.node.booted) > w.toldAfter(): // before, a node does not know all
			for _, m := range w.members {
				if m.serves(c.cluster, c.asked, c.answered) {
					return fmt.Sprintf("it was told that there is nobody, but there is member %d", m.number)
				}
			}
		case !told && w.plan.good && c.hasty && c.cluster == "nobody" && c.deadline.Sub(c.asked) > time.Second && len(c.answers) > 0 && !c.from.drained:
			return "it was not told that there is nobody"
		}
		return ""
	})
}

// eachSeen calls a function with what a member got of one sender and name.
func (w *world) eachSeen(wrong func(numbers []int) bool) (broken []string) {
	for _, m := range w.members {
		for key, numbers := range m.seen {
			if wrong(numbers) {
				broken = append(broken, fmt.Sprintf("member %d got of %s: %v", m.number, key, numbers))
			}
		}
	}
	slices.Sort(broken)
	return broken
}

func aMessageComesAtMostOnce(w *world, _ *farewells) []string {
	return w.eachSeen(func(numbers []int) bool {
		sorted := slices.Sorted(slices.Values(numbers))
		return len(slices.Compact(sorted)) != len(numbers)
	})
}

func messagesOfASenderComeInOrder(w *world, _ *farewells) []string {
	return w.eachSeen(func(numbers []int) bool { return !slices.IsSorted(numbers) })
}

// nothingIsLostInGoodOrder: no request is, and those that were members before a message was
// sent and still are at the end get it.
func nothingIsLostInGoodOrder(w *world, _ *farewells) (broken []string) {
	if !w.plan.good {
		return nil
	}
	broken = w.each(func(c *call) string {
		if len(c.answers) > 0 && c.answers[0] == faultLost {
			return "it was lost"
		}
		return ""
	})
	return append(broken, w.unreached(wire.KindBroadcast)...)
}

// whoIsConfirmedIsReached is that for subscriptions.
func whoIsConfirmedIsReached(w *world, _ *farewells) []string {
	if !w.plan.good {
		return nil
	}
	return w.unreached(wire.KindEvent)
}

// unreached returns who did not get a message of a kind, though all knew that he wants it when
// it was given to its node. Where messages are forwarded some may come late, and are dropped.
func (w *world) unreached(kind wire.Kind) (broken []string) {
	if w.plan.nodes > multicastDirect {
		return nil
	}
	for _, msg := range w.messages {
		if msg.kind != kind || msg.sent.IsZero() || msg.asked.Sub(msg.from.node.booted) <= w.toldAfter() {
			continue
		}
		for _, m := range w.members {
			since, wants := m.since, m.cluster == msg.name && !m.left
			if kind == wire.KindEvent {
				since, wants = m.topics[msg.name], !m.gone && !m.topics[msg.name].IsZero()
			}
			if wants && !m.gone && !m.drained && !since.IsZero() && since.Before(msg.asked) && !slices.Contains(m.seen[msg.key()], msg.number) {
				broken = append(broken, fmt.Sprintf("member %d did not get message %d of member %d to %q, sent at %v", m.number, msg.number, msg.from.number, msg.name, msg.sent.Sub(start)))
			}
		}
	}
	return broken
}

const multicastDirect = 32

// farewells are what everybody sends at the end, when all is well again.
type farewells struct {
	messages []*message
	calls    []*call
}

// farewell sends from each node to each name.
func (w *world) farewell() *farewells {
	last := new(farewells)
	for i, n := range w.nodes {
		if !n.up || n.ended || n.draining || w.plan.nodes > multicastDirect && i > 3 {
			continue
		}
		m := n.attach("", false, manner{})
		for _, name := range []string{"x", "y"} {
			last.messages = append(last.messages, m.publish(wire.KindEvent, name))
		}
		for _, name := range []string{"a", "b"} {
			last.messages = append(last.messages, m.publish(wire.KindBroadcast, name))
			last.calls = append(last.calls, m.ask(name, 4*time.Second))
		}
		n.settle()
	}
	return last
}

func allReachAllWhenItIsOver(w *world, last *farewells) (broken []string) {
	for _, m := range w.members {
		if m.gone || m.drained {
			continue
		}
		for _, msg := range last.messages {
			_, wants := m.topics[msg.name]
			if msg.kind == wire.KindBroadcast {
				wants = m.cluster == msg.name && !m.left
			}
			if wants && !slices.Contains(m.seen[msg.key()], msg.number) {
				broken = append(broken, fmt.Sprintf("member %d of node %d did not get message %d of node %d to %q", m.number, m.node.number, msg.number, msg.from.node.number, msg.name))
			}
		}
	}
	for _, c := range last.calls {
		serving, never := 0, false
		for _, m := range w.members {
			if m.cluster == c.cluster && !m.left && !m.gone {
				serving++
				never = never || m.manner.never || m.manner.takes > time.Second
			}
		}
		if serving > 0 && !never && (len(c.answers) != 1 || c.answers[0] != "reply") {
			broken = append(broken, fmt.Sprintf("%v, though %d members serve it", c, serving))
		}
		if serving == 0 && (len(c.answers) != 1 || c.answers[0] != "timed out") {
			broken = append(broken, fmt.Sprintf("%v, though nobody serves it", c))
		}
	}
	return broken
}

// nothingWaits: when all deadlines have passed, nothing waits and nothing is under way.
func nothingWaits(w *world) (broken []string) {
	for _, n := range w.nodes {
		if !n.up {
			continue
		}
		if s := n.names.Stats(); s.Held != 0 || s.HeldBytes != 0 || s.UnderWay != 0 {
			broken = append(broken, fmt.Sprintf("%s: node %d has %+v after all deadlines", nothingLeft, n.number, s))
		}
	}
	return broken
}

const nothingLeft = "nothing is left"

// nothingIsLeft holds that nodes keep nothing of members that are gone.
func (w *world) nothingIsLeft() (broken []string) {
	for _, n := range w.nodes {
		if !n.up {
			continue
		}
		s := n.names.Stats()
		if s != (names.Stats{PlacesFull: s.PlacesFull, Delivered: s.Delivered}) {
			broken = append(broken, fmt.Sprintf("%s: node %d keeps %+v", nothingLeft, n.number, s))
		}
		for _, link := range n.sides() {
			if link.calls.Len() > 0 {
				broken = append(broken, fmt.Sprintf("%s: node %d waits for %d answers of node %d", nothingLeft, n.number, link.calls.Len(), link.other.number))
			}
		}
	}
	return broken
}
