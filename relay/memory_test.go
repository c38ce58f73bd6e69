package relay_test

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/project-iris/iris/relay"
	"github.com/project-iris/iris/relay/wire"
	"github.com/project-iris/iris/transport/budget"
	"github.com/project-iris/iris/transport/outbox"
)

// inMemory runs a test against a relay with so many MiB of memory.
func inMemory(t *testing.T, mib int64, test func(t *testing.T, n *node, m *budget.Budget)) {
	m := budget.New(budget.Config{Name: "bytes", Limit: mib << 20, Greed: 7})
	inBubble(t, relay.Config{Memory: m}, func(t *testing.T, n *node) { test(t, n, m) })
	if used := m.Stats().Used; used != 0 {
		t.Errorf("%d bytes are taken when all is over", used)
	}
}

// A tunnel that is not built gives back what it has taken, whatever the reason.
func TestATunnelThatIsNotBuiltTakesNoMemory(t *testing.T) {
	m := budget.New(budget.Config{Name: "bytes", Limit: 8 << 20, Greed: 7})
	config, _ := guarded(t, "deny * tunnel forbidden\nallow * * *\n")
	config.Memory = m
	inBubble(t, config, func(t *testing.T, n *node) {
		a := n.attach("")
		before := m.Stats().Used
		for id, cluster := range []string{"forbidden", "nobody", "forbidden"} {
			a.send(&wire.TunInit{ID: uint64(id), Cluster: []byte(cluster), Timeout: 100})
			a.expect(&wire.TunResult{ID: uint64(id), TimedOut: true})
		}
		synctest.Wait()
		if used := m.Stats().Used; used != before {
			t.Errorf("%d bytes are taken of tunnels that are not there", used-before)
		}
		a.send(&wire.TunInit{ID: 0, Cluster: []byte("nobody"), Timeout: 100}) // the id is free again
		a.expect(&wire.TunResult{ID: 0, TimedOut: true})
	})
	if used := m.Stats().Used; used != 0 {
		t.Errorf("%d bytes are taken when all is over", used)
	}
}

// What waits for one that does not read stays below the memory; small events of others, requests
// and answers go on.
func TestWhatWaitsStaysBelowTheMemory(t *testing.T) {
	inMemory(t, 8, func(t *testing.T, n *node, m *budget.Budget) {
		var stuck []*application
		for range 8 {
			stuck = append(stuck, n.attach(""))
		}
		honest := n.attach("svc")
		large := make([]byte, 2<<20)
		for _, a := range stuck {
			a.member.app.HandleEvent([]byte("t"), large)
		}
		if s := n.relay.Stats(); s.EventsDropped < 4 || s.EventsDropped > 7 {
			t.Errorf("%d of 8 events were dropped", s.EventsDropped)
		}
		if s := m.Stats(); s.Used > s.Limit || s.Over != 0 || s.Refused == 0 {
			t.Errorf("%+v", s)
		}
		honest.expectAlive()
		// An answer that there is no memory for becomes a fault that says so.
		stuck[7].member.app.HandleReply(1, large)
		got, ok := stuck[7].read().(*wire.Result)
		if !ok || got.OK || !strings.HasPrefix(string(got.Body), "overloaded: ") || !strings.Contains(string(got.Body), "bytes of this node") {
			t.Errorf("it is answered %v", show(got))
		}
	})
}

// A large event and a broadcast that wait for many count once, and each gets them; those whose
// queue is full miss them, and nobody else does.
func TestWhatManyAreGivenCountsOnce(t *testing.T) {
	inMemory(t, 8, func(t *testing.T, n *node, m *budget.Budget) {
		var all []*application
		for range 24 {
			all = append(all, n.attach("svc"))
		}
		before := m.Stats().Used
		large := make([]byte, 1<<20)
		event, broadcast := new(outbox.Shared), new(outbox.Shared)
		for _, a := range all {
			a.member.app.HandleSharedEvent([]byte("t"), large, event)
			a.member.app.HandleSharedBroadcast(large, broadcast)
		}
		event.Close()
		broadcast.Close()
		if taken := m.Stats().Used - before; taken < 2<<20 || taken > 2<<20+100 {
			t.Errorf("%d bytes are taken", taken)
		}
		for _, a := range all[:12] {
			a.expect(&wire.Publish{Topic: []byte("t"), Event: large}, &wire.Delivery{Message: large})
		}
		if taken := m.Stats().Used - before; taken < 2<<20 {
			t.Errorf("%d bytes are taken when half of them have it", taken)
		}
		for _, a := range all[12:] {
			a.conn.Close()
		}
		synctest.Wait()
		if used := m.Stats().Used; used >= before {
			t.Errorf("%d bytes are taken when all have it or are gone", used)
		}
		if s := n.relay.Stats(); s.EventsDropped != 0 || s.BroadcastsDropped != 0 {
			t.Errorf("%+v", s)
		}
		// One is full: the others have it.
		n.relay.SetLimits(1, 0)
		small := n.attach("")
		small.member.app.HandleEvent([]byte("t"), []byte("in the way"))
		small.member.app.HandleEvent([]byte("t"), []byte("in the way"))
		event = new(outbox.Shared)
		for _, a := range []*application{small, all[1]} {
			a.member.app.HandleSharedEvent([]byte("t"), large, event)
		}
		event.Close()
		all[1].expect(&wire.Publish{Topic: []byte("t"), Event: large})
		if got := n.relay.Stats().EventsDropped; got == 0 {
			t.Error("nothing was dropped for one that is full")
		}
	})
}

// One that takes all that it is given, while there is memory for little now and then, does not
// fill the log with how it falls behind and catches up.
func TestWhoCatchesUpAgainAndAgainIsLoggedSeldom(t *testing.T) {
	inMemory(t, 8, func(t *testing.T, n *node, _ *budget.Budget) {
		stuck, a := n.attach(""), n.attach("")
		stuck.member.app.HandleEvent([]byte("t"), make([]byte, 5<<20))
		n.log.expect(t)
		large := make([]byte, 4<<20)
		began := time.Now()
		for range 200 {
			a.member.app.HandleEvent([]byte("t"), large)
			a.member.app.HandleEvent([]byte("t"), []byte("small"))
			a.read()
		}
		synctest.Wait()
		if got := n.relay.Stats().EventsDropped; got != 200 {
			t.Errorf("%d events were dropped, want 200", got)
		}
		if lines, most := n.log.count(), 21+int(time.Since(began)/time.Second); lines == 0 || lines > most {
			t.Errorf("%d lines were logged in %v, want %d at most", lines, time.Since(began), most)
		}
	})
}

// A service whose request was refused for want of memory is told that there is room when there is
// memory again, though its queue was empty all the time.
func TestARequestThatWasRefusedForMemoryIsToldAgain(t *testing.T) {
	inMemory(t, 8, func(t *testing.T, n *node, _ *budget.Budget) {
		stuck, service := n.attach(""), n.attach("svc")
		resumed := make(chan struct{}, 2)
		service.member.onResume = func() { resumed <- struct{}{} }
		stuck.member.app.HandleEvent([]byte("t"), make([]byte, 5<<20))
		body := make([]byte, 2<<20)
		for range 2 {
			if err := service.member.app.HandleRequest(1, body, time.Minute); err == nil {
				t.Fatal("the request is taken")
			}
		}
		time.Sleep(10 * time.Second)
		if len(resumed) > 0 {
			t.Error("it is told that there is room, and there is none")
		}
		stuck.conn.Close()
		synctest.Wait()
		if len(resumed) != 1 {
			t.Errorf("it is told %d times that there is room", len(resumed))
		}
		if err := service.member.app.HandleRequest(1, []byte("hello"), time.Minute); err != nil {
			t.Error(err)
		}
		service.read()
	})
}

// The same holds for one that is given the request while it attaches, though there may be memory
// before it is attached.
func TestARequestThatIsRefusedForMemoryAtTheAttachIsToldAgain(t *testing.T) {
	inMemory(t, 8, func(t *testing.T, n *node, _ *budget.Budget) {
		stuck := n.attach("")
		stuck.member.app.HandleEvent([]byte("t"), make([]byte, 5<<20))
		resumed := make(chan struct{}, 2)
		n.mesh.onAttach = func(m *fakeMember) error {
			m.onResume = func() { resumed <- struct{}{} }
			if err := m.app.HandleRequest(1, make([]byte, 2<<20), time.Minute); err == nil {
				t.Error("the request is taken")
			}
			stuck.conn.Close()
			time.Sleep(time.Second)
			return nil
		}
		n.attach("svc")
		synctest.Wait()
		if len(resumed) != 1 {
			t.Errorf("it is told %d times that there is room", len(resumed))
		}
	})
}

// A frame that there is no memory for costs its connection, after a while in which there may
// be some, and the application is told.
func TestAFrameThatThereIsNoMemoryForEndsItsConnection(t *testing.T) {
	inMemory(t, 8, func(t *testing.T, n *node, _ *budget.Budget) {
		stuck, sender, other := n.attach(""), n.attach(""), n.attach("svc")
		stuck.member.app.HandleEvent([]byte("t"), make([]byte, 5<<20))
		m := wire.Publish{Topic: []byte("t"), Event: make([]byte, 4<<20)}
		began := time.Now()
		go func() { _, _ = sender.conn.Write(m.Append(nil)) }()
		end, ok := sender.read().(*wire.Closed)
		if !ok || !strings.Contains(string(end.Reason), "bytes of this node") {
			t.Fatalf("it is told %v", show(end))
		}
		if waited := time.Since(began); waited < 5*time.Second || waited > 6*time.Second {
			t.Errorf("it was slowed for %v", waited)
		}
		other.expectAlive()
		sender.conn.Close()
		synctest.Wait()
		if got := n.relay.Stats().Limited; got != 1 {
			t.Errorf("%d met a limit", got)
		}
	})
}

// Tunnels take memory as they are, and give it back.
func TestTunnelsTakeMemory(t *testing.T) {
	inMemory(t, 1, func(t *testing.T, n *node, m *budget.Budget) {
		a, b := n.attach(""), n.attach("svc")
		before := m.Stats().Used
		n.openTunnel(a, 1, b, 1)
		if taken := m.Stats().Used - before; taken < 2*96<<10 {
			t.Errorf("a tunnel takes %d bytes", taken)
		}
		a.send(&wire.TunClose{ID: 1})
		a.expectClosed(1)
		b.expectClosed(1)
		synctest.Wait()
		if now := m.Stats().Used; now > before {
			t.Errorf("%d bytes before, %d after", before, now)
		}
	})
}
