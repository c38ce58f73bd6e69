package multicast

import (
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/project-iris/iris/overlay/wire"
	"github.com/project-iris/iris/transport"
)

// In a route to the nodes 1 to 39, the nodes 1 to 7 forward messages to one leaf each, the
// nodes 33 to 39.
const (
	forwarder, leaf = 1, 33
	another, second = 2, 34
	nobodys         = 20 // forwards nothing
)

// publisher sends events of one sender at node 0 by one route.
type publisher struct {
	*Sender
	route *Route
}

// publish sends an event, and waits for whatever it has to wait for.
func (p publisher) publish(event string) {
	p.sendAll(p.route, wire.KindEvent, []byte("news"), []byte(event))
}

// start sends events without waiting. The channel is closed when that is done.
func (p publisher) start(events ...string) <-chan struct{} {
	done := make(chan struct{})
	go func() {
		defer close(done)
		for _, e := range events {
			p.publish(e)
		}
	}()
	synctest.Wait()
	return done
}

// took returns what publishing an event takes.
func (p publisher) took(event string) time.Duration {
	begin := time.Now()
	p.publish(event)
	return time.Since(begin)
}

func (w *network) publisher(id uint64) publisher {
	root := w.nodes[0]
	return publisher{root.Sender(id), root.Route(nodes(1, 40))}
}

// but returns the nodes 1 to 39 without some.
func but(without ...int) []transport.PeerID {
	return slices.DeleteFunc(nodes(1, 40), func(id transport.PeerID) bool { return slices.Contains(without, number(id)) })
}

func isDone(done <-chan struct{}) bool {
	synctest.Wait()
	select {
	case <-done:
		return true
	default:
		return false
	}
}

// Who stays is reached by the way that it was, and who sends does not wait.
func TestARouteThatMovesKeepsTheWaysOfThoseWhoStay(t *testing.T) {
	inNetwork(t, 50, func(w *network) {
		p := w.publisher(1)
		before := p.route.Tree()
		w.hold(forwarder, leaf)
		p.publish("1")
		for _, to := range [][]transport.PeerID{but(second), but(nobodys), nodes(1, 50)} {
			w.flow()
			p.route.Move(to)
			after := p.route.Tree()
			for _, id := range to {
				over, existed := before.way(id)
				if now, times := after.way(id); times != 1 || existed > 0 && now != over {
					t.Errorf("%d nodes: %d ways to node %d, by %d, was by %d", len(to), times, number(id), number(now), number(over))
				}
			}
			before = after
			if took := p.took("2"); took != 0 {
				t.Errorf("%d nodes: sending takes %v", len(to), took)
			}
		}
		w.release(forwarder, leaf)
		w.flow()
		w.nodes[leaf].wantGot("1", "2", "2", "2")
		w.wantStats(Stats{})
	})
}

// A node that forwards leaves. Its leaf gets what is under way there before whatever
// follows by its new way, which is faster; and so it is for each lane, of which the others
// are faster as well.
func TestNothingOvertakesWhatIsUnderWay(t *testing.T) {
	for sender := range testLanes {
		for name, slow := range map[string]lane{
			"to the forwarder": {way{0, forwarder}, sender},
			"to the leaf":      {way{forwarder, leaf}, testLanes},
		} {
			t.Run(fmt.Sprint(name, ", lane ", sender), func(t *testing.T) {
				inNetwork(t, 40, func(w *network) { leaveWhileSlow(w, uint64(sender), slow) })
			})
		}
	}
}

func leaveWhileSlow(w *network, sender uint64, slow lane) {
	p := w.publisher(sender)
	w.holdLane(slow.way.from, slow.way.to, slow.number)
	p.publish("1")
	w.flow()
	p.route.Move(but(forwarder))
	following := p.start("2")
	w.flow()
	if isDone(following) {
		w.t.Error("what follows is sent, and nobody knows whether what it follows has arrived")
	}
	w.release(slow.way.from, slow.way.to)
	w.flow()
	if !isDone(following) {
		w.t.Error("what follows is not sent")
	}
	w.flow()
	w.nodes[leaf].wantGot("1", "2")
	w.nodes[forwarder].wantGot("1")
	w.nodes[nobodys].wantGot("1", "2")
	w.wantStats(Stats{})
}

// The route moves twice, before a message or while that waits, which waits for both,
// whichever way is the slower one.
func TestARouteThatMovesTwice(t *testing.T) {
	for _, faster := range []way{{forwarder, leaf}, {another, second}} {
		for _, meanwhile := range []bool{false, true} {
			t.Run(fmt.Sprint("faster: ", faster, ", during the wait: ", meanwhile), func(t *testing.T) {
				inNetwork(t, 40, func(w *network) { moveTwice(w, faster, meanwhile) })
			})
		}
	}
}

func moveTwice(w *network, faster way, meanwhile bool) {
	p := w.publisher(1)
	w.hold(forwarder, leaf)
	w.hold(another, second)
	p.publish("1")
	w.flow()
	p.route.Move(but(forwarder))
	var following <-chan struct{}
	if meanwhile {
		following = p.start("2")
	}
	p.route.Move(but(forwarder, another))
	if !meanwhile {
		following = p.start("2")
	}
	w.release(faster.from, faster.to)
	w.flow()
	if isDone(following) {
		w.t.Error("what follows is sent, though not all of what it follows has arrived")
	}
	w.release(forwarder, leaf)
	w.release(another, second)
	w.flow()
	w.nodes[leaf].wantGot("1", "2")
	w.nodes[second].wantGot("1", "2")
	w.wantStats(Stats{})
}

// A message is being sent, and waits for room, when the route moves: the marker follows
// it, however often the route has moved before its way was cut.
func TestTheMarkerFollowsWhatIsBeingSent(t *testing.T) {
	for name, moves := range map[string][][]transport.PeerID{
		"at once":         {but(another)},
		"after one came":  {nodes(1, 41), but(another)},
		"after one went":  {but(nobodys), but(nobodys, another)},
		"after two moves": {nodes(1, 41), nodes(1, 40), but(another)},
		"after a cut":     {but(another + 1), but(another+1, another)},
	} {
		t.Run(name, func(t *testing.T) {
			inNetwork(t, 41, func(w *network) {
				p := w.publisher(1)
				w.fill(0, forwarder)
				sending := p.start("1", "2") // the first waits for room, before it comes to the other one
				for _, to := range moves {
					p.route.Move(to)
				}
				w.flow()
				w.hold(another, second)
				w.empty(0, forwarder)
				w.flow()
				w.release(another, second)
				w.flow()
				if !isDone(sending) {
					t.Error("not all is sent")
				}
				w.nodes[second].wantGot("1", "2")
				w.wantStats(Stats{})
			})
		})
	}
}

// The link to a node that forwards is lost, and nobody can say what has arrived. What
// follows goes another way at once; what comes late nevertheless is dropped.
func TestALinkOfAForwarderIsLost(t *testing.T) {
	inNetwork(t, 40, func(w *network) {
		p := w.publisher(1)
		w.hold(forwarder, leaf)
		p.publish("1")
		w.flow()
		w.lose(0, forwarder)
		p.publish("2") // the route has not heard of it
		w.wantStats(Stats{SendsFailed: 2})
		w.nodes[0].LinkLost(node(forwarder))
		if over, times := p.route.Tree().way(node(leaf)); times != 1 || over == node(forwarder) {
			t.Errorf("%d ways to the leaf, over node %d", times, number(over))
		}
		if took := p.took("3"); took != 0 {
			t.Errorf("sending takes %v", took)
		}
		w.flow()
		w.release(forwarder, leaf)
		w.flow()
		w.nodes[leaf].wantGot("3")
		w.nodes[forwarder].wantGot("1")
		w.nodes[nobodys].wantGot("1", "2", "3")
		w.wantStats(Stats{SendsFailed: 3, CopiesLate: 1})
	})
}

// Only those whose ways lead over a node are asked to find others, and a route that is
// closed is none of them.
func TestLinksOfOthersAreLost(t *testing.T) {
	inNetwork(t, 40, func(w *network) {
		p := w.publisher(1)
		direct := w.nodes[0].Route(nodes(1, 10))
		before := p.route.Tree()
		w.lose(0, nobodys)
		w.nodes[0].LinkLost(node(nobodys))
		if after := p.route.Tree(); len(before) != len(after) || &before[0] != &after[0] {
			t.Error("the route has changed for a node that forwards nothing")
		}
		p.route.Close()
		direct.Close()
		if n := len(w.nodes[0].indirect); n != 0 {
			t.Errorf("%d routes are remembered", n)
		}
		w.lose(0, forwarder)
		w.nodes[0].LinkLost(node(forwarder))
		if after := p.route.Tree(); &before[0] != &after[0] {
			t.Error("a route that is closed has changed")
		}
	})
}
