package node

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/project-iris/iris/overlay"
	"github.com/project-iris/iris/relay/wire"
)

// With members that leave more than 8 MiB unread for a while, requests wait for room as
// long as their deadline allows.
var roomRows = []struct {
	name  string
	there int // the node that has the member; the caller's is 0
	play  func(t *testing.T, here *relayNode, caller, service *pipeApp)
}{
	{"large requests to one member", 0, playLargeRequests},
	{"large requests to one member of another node", 1, playLargeRequests},
	{"small requests behind large ones", 0, playSmallBehindLarge},
	{"small requests behind large ones of another node", 1, playSmallBehindLarge},
	{"requests to a subscriber beside many events", 0, playBesideEvents},
	{"requests to a subscriber of another node beside many events", 1, playBesideEvents},
	{"more than may wait", 0, playMoreThanMayWait},
}

func TestRequestsWaitForTheQueueOfAMember(t *testing.T) {
	for _, row := range roomRows {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				_, here, there := startTwoRelays(t, 0)
				caller, service := here.attach(t, ""), []*relayNode{here, there}[row.there].attach(t, "svc")
				pass()
				// The first request waits until its node knows who serves the cluster, and what
				// waits is bounded.
				caller.send(request(1000, "svc", "first", 1000))
				service.reply(service.call("first"), true, "")
				caller.expect(answer(1000, true, ""))
				row.play(t, here, caller, service)
			})
		})
	}
}

const large = 10 << 20

// serve reads so many requests, and answers each with how long its body is.
func (a *pipeApp) serve(requests int) {
	a.t.Helper()
	for range requests {
		call := a.read()
		for call.Op() != wire.OpRequest {
			call = a.read()
		}
		c := call.(*wire.Call)
		a.reply(c.ID, true, fmt.Sprint(len(c.Body)))
	}
}

// expectAnswers reads so many answers, which have to be replies.
func (a *pipeApp) expectAnswers(n int) {
	a.t.Helper()
	for range n {
		m, ok := a.read().(*wire.Result)
		if !ok || m.TimedOut || !m.OK {
			a.t.Errorf("application got %+v, want a reply", m)
		}
	}
}

func playLargeRequests(_ *testing.T, _ *relayNode, caller, service *pipeApp) {
	for id := range uint64(2) {
		caller.send(request(id, "svc", strings.Repeat("x", large), 10_000))
	}
	time.Sleep(2 * time.Second)
	both(func() { service.serve(2) }, func() { caller.expectAnswers(2) })
	caller.expectNothing()
}

func playSmallBehindLarge(_ *testing.T, _ *relayNode, caller, service *pipeApp) {
	caller.send(request(0, "svc", strings.Repeat("x", large), 10_000))
	pass()
	for id := range uint64(100) {
		caller.send(request(1+id, "svc", "small", 5_000))
	}
	time.Sleep(2 * time.Second)
	caller.send(request(200, "svc", "latest", 5_000))
	both(func() { service.serve(102) }, func() { caller.expectAnswers(102) })
	caller.expectNothing()
}

// The queue of the member is full of events all the time, whose senders wait for room too.
func playBesideEvents(_ *testing.T, here *relayNode, caller, service *pipeApp) {
	service.send(&wire.Subscribe{Topic: []byte("news")})
	publisher := here.attach(here.t, "")
	pass()
	published := make(chan struct{})
	go func() {
		defer close(published)
		for range 1024 {
			publisher.send(&wire.Publish{Topic: []byte("news"), Event: make([]byte, 64<<10)})
		}
	}()
	time.Sleep(50 * time.Millisecond)
	for id := range uint64(20) {
		caller.send(request(id, "svc", "small", 5_000))
	}
	both(func() { service.serve(20) }, func() { caller.expectAnswers(20) })
	service.drop()
	<-published
}

func playMoreThanMayWait(_ *testing.T, _ *relayNode, caller, service *pipeApp) {
	for id := range uint64(3) {
		caller.send(request(id, "svc", strings.Repeat("x", large), 10_000))
		pass()
	}
	caller.expect(answer(2, false, overlay.FaultOverloaded))
	both(func() { service.serve(2) }, func() { caller.expectAnswers(2) })
	caller.expectNothing()
}

// A service that attaches while more waits for it than its queue takes gets all of it.
func TestAServiceGetsAllThatWaitsForIt(t *testing.T) {
	for at, name := range []string{"on its node", "on another node"} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				_, here, there := startTwoRelays(t, 0)
				caller := here.attach(t, "")
				for id := range uint64(12) {
					caller.send(request(id, "svc", strings.Repeat("x", 1<<20), 60_000))
				}
				pass()
				service := []*relayNode{here, there}[at].attach(t, "svc")
				time.Sleep(2 * time.Second)
				both(func() { service.serve(12) }, func() { caller.expectAnswers(12) })
				caller.expectNothing()
			})
		})
	}
}

// What an application has published reaches others though it is gone before there is a link to them.
func TestAnEventOutlivesItsApplication(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, here, there := startTwoRelays(t, 0)
		subscriber, publisher := there.attach(t, ""), here.attach(t, "")
		subscriber.send(&wire.Subscribe{Topic: []byte("news")})
		pass()
		_ = here.overlay.Network().Link(there.end.ID()).Link().Close(nil)
		for range 3 {
			publisher.send(&wire.Publish{Topic: []byte("news"), Event: []byte("rain")})
		}
		publisher.conn.Close()
		for range 3 {
			subscriber.expect(&wire.Publish{Topic: []byte("news"), Event: []byte("rain")})
		}
	})
}
