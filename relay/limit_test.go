package relay_test

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/project-iris/iris/relay"
	"github.com/project-iris/iris/relay/wire"
	"github.com/project-iris/iris/transport/budget"
)

// An application that subscribes to more names than it may is told which limit it met, is
// detached before, and nobody else is touched.
func TestWhoMeetsALimitThatHasNoAnswerIsToldAtItsEnd(t *testing.T) {
	inBubble(t, relay.Config{}, func(t *testing.T, n *node) {
		greedy, other := n.attach(""), n.attach("")
		names := budget.New(budget.Config{Name: "names", Limit: 1})
		mine := names.Holder()
		greedy.member.onSubscribe = func([]byte) error {
			return fmt.Errorf("too many subscriptions: %w", mine.Take(2))
		}
		greedy.send(&wire.Subscribe{Topic: []byte("t")})
		reason := "too many subscriptions: all 1 names of this node are taken"
		greedy.expect(&wire.Closed{Reason: []byte(reason)})
		greedy.expectEnd()
		if !greedy.member.isClosed() {
			t.Error("it has been told, and is not detached")
		}
		greedy.conn.Close()
		synctest.Wait()
		n.log.expect(t, "has met a limit", "app=app-1", reason)
		if s := n.relay.Stats(); s.Limited != 1 || s.Violations != 0 {
			t.Errorf("%d met a limit, %d broke the protocol", s.Limited, s.Violations)
		}
		other.expectAlive()
	})
}

// One that does not read what it is told is not waited for.
func TestWhoMeetsALimitAndDoesNotReadIsNotWaitedFor(t *testing.T) {
	inBubble(t, relay.Config{}, func(t *testing.T, n *node) {
		greedy := n.attach("")
		names := budget.New(budget.Config{Name: "names", Limit: 1})
		mine := names.Holder()
		greedy.member.onSubscribe = func([]byte) error { return mine.Take(2) }
		greedy.send(&wire.Subscribe{Topic: []byte("t")})
		time.Sleep(7 * time.Second)
		synctest.Wait()
		if got := n.relay.Stats().Attached; got != 0 {
			t.Errorf("%d are attached", got)
		}
	})
}

// An offer that was taken back is answered once, before CLOSE and after it, however often it is
// confirmed.
func TestALateConfirmIsAnsweredOnce(t *testing.T) {
	inPlaces(t, relay.Config{}, func(t *testing.T, n *node) {
		a, b := n.attach(""), n.attach("svc")
		n.aimTunnels(a, b)
		a.send(n.tunInit(1))
		build := b.offer()
		a.expect(&wire.TunResult{ID: 1, TimedOut: true})
		n.settle()
		late := &wire.TunConfirm{BuildID: build, ID: 9}
		b.send(late, late)
		b.expectBroken(9)
		b.expectNothing()
		b.send(late)
		b.expectNothing()
		b.expectAlive()
	})
	inBubble(t, relay.Config{}, func(t *testing.T, n *node) {
		a, b := n.attach(""), n.attach("svc")
		n.openTunnel(a, 1, b, 1)
		b.send(&wire.Close{}, &wire.TunConfirm{BuildID: 0, ID: 9}, &wire.TunConfirm{BuildID: 0, ID: 9})
		b.expectClosed(1)
		b.expect(&wire.Closed{})
	})
}

// Connections that say nothing make room for those who attach, and those that are attached stay;
// without one that is silent the next is told that there is no room.
func TestSilentConnectionsMakeRoom(t *testing.T) {
	inBubble(t, relay.Config{Connections: 4}, func(t *testing.T, n *node) {
		first := n.attach("svc")
		for range 4 {
			n.dial()
		}
		synctest.Wait()
		n.log.expect(t, "makes room for another one", "limit=4")
		second, third, fourth := n.attach(""), n.attach(""), n.attach("")
		if s := n.relay.Stats(); s.ConnectionsEvicted != 4 || s.ConnectionsRefused != 0 {
			t.Errorf("%d made room, %d were refused", s.ConnectionsEvicted, s.ConnectionsRefused)
		}
		last := n.dial()
		last.expect(&wire.Deny{Reason: []byte("all 4 connections of applications to this node are in use")})
		last.expectEnd()
		if s := n.relay.Stats(); s.ConnectionsRefused != 1 {
			t.Errorf("%d were refused", s.ConnectionsRefused)
		}
		for _, a := range []*application{first, second, third, fourth} {
			a.expectAlive()
		}
		fourth.conn.Close()
		synctest.Wait()
		n.attach("").expectAlive()
	})
}
