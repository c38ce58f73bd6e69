package overlay

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/project-iris/iris/transport/mem"
)

// linkCount returns how many links a node has.
func (o *Overlay) linkCount() int {
	synctest.Wait()
	return len(o.links.All())
}

// A link that nobody uses ends on both sides, and nothing is lost by that: what is sent next
// makes it again. What is used keeps it.
func TestLinksComeAndGo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const idle = time.Minute
		w := newIdleWorld(t, 3, Config{}, mem.Path{Delay: time.Millisecond}, idle)
		service := attach(t, w.nodes[1], "service", echoing)
		service.subscribe("news")
		caller := attach(t, w.nodes[0], "")
		time.Sleep(time.Second)
		asked := uint64(0)
		for round := range 5 {
			asked++
			caller.ask(asked, "service", "hello", time.Second)
			time.Sleep(100 * time.Millisecond)
			caller.publish("news", "it rains")
			time.Sleep(100 * time.Millisecond)
			caller.saw(fmt.Sprintf("%d: reply hello", asked))
			service.saw("request hello", "event news: it rains")
			if n := w.nodes[0].linkCount(); n == 0 {
				t.Fatalf("round %d: there is no link after a request", round)
			}
			time.Sleep(10 * time.Minute)
		}
		for i, o := range w.nodes {
			if s := o.Stats(); s.SendsFailed+s.BytesLost+s.RepliesDropped+s.CopiesDropped > 0 {
				t.Errorf("node %d has dropped something: %+v", i, s)
			}
		}
	})
}

// A node that has come into the network, and has nothing to say, has few links soon: one for
// a few seconds, twice a minute, by which it compares its list of members with another's.
func TestANodeWithoutWorkHasFewLinks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 10, mem.Path{Delay: time.Millisecond})
		time.Sleep(30 * time.Second)
		for i, o := range w.nodes {
			if n := o.linkCount(); n > 4 || o.net.Others() != 9 {
				t.Errorf("node %d has %d links, and knows %d others", i, n, o.net.Others())
			}
		}
	})
}

// Where there are more links than a node wants, the one that was idle for the longest time makes
// room; one that is used does not.
func TestTheLongestIdleLinkMakesRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &world{t: t, linkIdle: time.Hour, mostLinks: 4, net: mem.NewNetwork(mem.Config{Versions: Versions(), Path: mem.Path{Delay: time.Millisecond}})}
		t.Cleanup(w.close)
		for range 12 {
			w.start()
		}
		w.settle()
		caller := attach(t, w.nodes[0], "")
		busy := attach(t, w.nodes[1], "busy")
		caller.ask(1, "busy", "for long", time.Hour)
		time.Sleep(time.Second)
		busy.saw("request for long")
		for i := 2; i < 12; i++ {
			attach(t, w.nodes[i], string(rune('a'+i)), echoing)
			time.Sleep(5 * time.Second)
			caller.ask(uint64(i), string(rune('a'+i)), "hello", time.Second)
			time.Sleep(5 * time.Second)
		}
		time.Sleep(time.Minute)
		if n := w.nodes[0].linkCount(); n > 4+1 {
			t.Errorf("the node has %d links, want about 4", n)
		}
		if !w.nodes[0].links.Linked(w.ends[1].ID()) {
			t.Error("the link with a request on it has made room")
		}
	})
}
