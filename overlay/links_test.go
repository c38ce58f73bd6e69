package overlay

import (
	"context"
	"strconv"
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
		const idle = 5 * time.Second // leases are renewed less often
		w := newIdleWorld(t, 3, Config{}, mem.Path{Delay: time.Millisecond}, idle)
		service := attach(t, w.nodes[1], "service", echoing, talking)
		service.subscribe("news")
		caller := attach(t, w.nodes[0], "")
		time.Sleep(time.Second)
		use := []struct {
			do   func()
			want string
		}{
			{func() { caller.ask(1, "service", "hello", time.Second) }, "request hello"},
			{func() { caller.publish("news", "it rains") }, "event news: it rains"},
			{func() { caller.Broadcast([]byte("service"), []byte("to all")) }, "broadcast to all"},
			{func() { openAndClose(t, caller, "service") }, "tunnel"},
		}
		for round := range 2 * len(use) {
			for i := range use { // another one comes first in each round, when there is no link
				u := use[(round+i)%len(use)]
				u.do()
				time.Sleep(100 * time.Millisecond)
				service.saw(u.want)
			}
			caller.saw("1: reply hello")
			if n := w.nodes[0].linkCount(); n == 0 {
				t.Fatalf("round %d: there is no link to what is used", round)
			}
			for begin := time.Now(); w.nodes[0].links.Linked(w.ends[1].ID()); time.Sleep(time.Second) {
				if time.Since(begin) > time.Minute {
					t.Fatalf("round %d: a link that nobody uses stays", round)
				}
			}
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

// openAndClose opens a tunnel, and closes it.
func openAndClose(t *testing.T, a *app, cluster string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	conn, err := a.Tunnel(ctx, []byte(cluster))
	if err != nil {
		t.Errorf("no tunnel: %v", err)
		return
	}
	conn.Close()
}

// In a large network that is far, whose nodes have no links, the first events to many reach all
// of them, in order, also those that they are forwarded to.
func TestTheFirstEventsOfAFarNetwork(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const nodes = 45
		w := &world{t: t, net: mem.NewNetwork(mem.Config{Versions: Versions(), Path: mem.Path{Delay: 200 * time.Millisecond}})}
		t.Cleanup(w.close)
		for range nodes {
			w.start()
		}
		time.Sleep(time.Minute)
		var subscribers []*app
		for _, o := range w.nodes[1:] {
			a := attach(t, o, "")
			a.subscribe("news")
			subscribers = append(subscribers, a)
		}
		time.Sleep(5 * time.Minute)
		for _, r := range w.nodes[0].links.All() { // the directory's, which it has to do without
			go r.Retire()
		}
		time.Sleep(time.Second)
		sender := attach(t, w.nodes[0], "")
		for i := range 3 {
			sender.publish("news", strconv.Itoa(i))
		}
		time.Sleep(10 * time.Second)
		for i, a := range subscribers {
			a.saw("event news: 0", "event news: 1", "event news: 2")
			if t.Failed() {
				t.Fatalf("subscriber %d of %d; %+v", i, len(subscribers), w.nodes[0].Stats())
			}
		}
	})
}
