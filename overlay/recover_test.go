package overlay

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/project-iris/iris/overlay/directory"
	"github.com/project-iris/iris/transport"
	"github.com/project-iris/iris/transport/mem"
)

// link returns the link of one node to another.
func (w *world) link(from, to int) transport.Link {
	w.t.Helper()
	p := w.nodes[from].net.Link(w.ends[to].ID())
	if p == nil {
		w.t.Fatalf("node %d has no link to node %d", from, to)
	}
	return p.Link()
}

// cut cuts two nodes off from each other, and leaves both to the others.
func (w *world) cut(a, b int) {
	w.net.Partition([]transport.PeerID{w.ends[a].ID()}, []transport.PeerID{w.ends[b].ID()})
}

// A node may be believed to serve a cluster before it does, as when a member has left and
// another has not joined yet. What it refused in between is asked again.
func TestARequestRefusedByANodeThatServesAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 3, mem.Path{Delay: time.Millisecond})
		caller := w.here("")
		o := w.nodes[1]
		o.lookup.Step(directory.Register{Name: directory.NewHasher([32]byte{}).Cluster([]byte("service"))})
		w.pass()
		caller.ask(1, "service", "hello", time.Minute)
		w.pass()
		caller.saw()
		attach(t, o, "service", echoingLater)
		time.Sleep(time.Second)
		synctest.Wait()
		caller.saw("1: reply hello")
		w.idle()
	})
}

// A request to a node whose link is lost waits for the link, if nobody else serves.
func TestARequestWaitsForALostLink(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 3, mem.Path{Delay: time.Millisecond})
		caller := w.here("")
		w.there(1, "service", echoing)
		w.pass()
		caller.ask(1, "service", "hello", time.Minute)
		w.pass()
		caller.saw("1: reply hello")

		w.link(0, 2).Close(nil)
		for id := range uint64(5) { // some before it is noticed, some after
			caller.ask(id, "service", fmt.Sprint(id), time.Minute)
		}
		synctest.Wait()
		for id := range uint64(5) {
			caller.ask(5+id, "service", fmt.Sprint(5+id), time.Minute)
		}
		time.Sleep(10 * time.Second)
		synctest.Wait()
		counts := caller.count()
		if counts["reply"]+counts["fault "+FaultMemberLost] != 10 || counts["reply"] < 5 {
			t.Errorf("requests while a link is lost: %v", counts)
		}

		w.cut(0, 2)
		time.Sleep(11 * time.Second) // the link is lost, though the node is alive
		caller.ask(2, "service", "again", time.Minute)
		time.Sleep(time.Second)
		caller.saw()
		w.net.Heal()
		time.Sleep(5 * time.Second)
		synctest.Wait()
		caller.saw("2: reply again")
		w.idle()
	})
}

// count counts the answers that an application has seen, by kind, and forgets them.
func (a *app) count() map[string]int {
	a.mu.Lock()
	defer a.mu.Unlock()
	counts := make(map[string]int)
	for _, line := range a.seen {
		counts[kindOf(line)]++
	}
	a.seen = nil
	return counts
}

// kindOf returns what a line about an answer says, without id and content: "reply",
// "timed out" or "fault" with its text.
func kindOf(line string) string {
	_, what, _ := strings.Cut(line, ": ")
	if strings.HasPrefix(what, "reply") {
		return "reply"
	}
	return what
}

// What is sent to a node that there is no link to is counted.
func TestBroadcastsWithoutALinkAreCounted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 3, mem.Path{Delay: time.Millisecond})
		caller, service := w.here(""), w.there(1, "service")
		service.subscribe("news")
		w.pass()
		caller.broadcast("service", "1")
		caller.publish("news", "1")
		w.pass()
		service.saw("broadcast 1", "event news: 1")
		w.cut(0, 2)
		time.Sleep(11 * time.Second)
		caller.broadcast("service", "2")
		caller.publish("news", "2")
		w.pass()
		service.saw()
		if n := w.nodes[0].Stats().SendsFailed; n != 2 {
			t.Errorf("%d of 2 messages are counted as not sent", n)
		}
		w.net.Heal()
	})
}

// A member that never answers, on another node, does not attract what others would
// answer.
func TestAMemberThatNeverAnswersGetsLittle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 3, mem.Path{Delay: time.Millisecond})
		caller := w.here("")
		silent := w.there(0, "service")
		w.there(1, "service", echoing)
		w.pass()
		const requests = 1000
		for id := range uint64(requests) {
			caller.ask(id, "service", "", time.Second)
			time.Sleep(10 * time.Millisecond)
		}
		time.Sleep(time.Second)
		synctest.Wait()
		counts := caller.count()
		if counts["reply"] < requests*95/100 {
			t.Errorf("of %d requests: %v; the silent one got %d", requests, counts, len(silent.requests))
		}
		t.Logf("of %d requests the silent one got %d", requests, len(silent.requests))
		w.idle()
	})
}
